"""The collector looks seldom while all is loaded, and as usual, at what is new, from the launch on."""

from __future__ import annotations

import gc
import subprocess
import sys

USUAL = gc.get_threshold()

LOOKS = """
import gc, sys
from unittest import mock
from autotl.cli import main
seldom = []
with mock.patch.object(main, "app", lambda **_: seldom.append(gc.get_threshold())):
    main.main()
from autotl.cli import launch
known = gc.get_freeze_count()
with mock.patch.object(launch, "resolve_device", side_effect=LookupError):
    try:
        launch.launch(None, mock.Mock())
    except LookupError:
        print(seldom[0][0], gc.get_threshold(), gc.get_freeze_count() - known > 10_000)
"""


def test_it_looks_seldom_until_a_search_is_launched() -> None:
    found = subprocess.run([sys.executable, "-c", LOOKS], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == f"100000 {USUAL} True"
