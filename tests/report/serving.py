"""A server of a page that a test decides, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from autotl.report.live import ReportServer


@contextmanager
def serving(version: Callable[[], str], render: Callable[[str], str]) -> Iterator[ReportServer]:
    """Inside, the page is served as `render` makes it of what `version` gives."""
    with ReportServer(0, version, render) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
