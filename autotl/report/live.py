"""Serves a study's report to this machine's browser, as it is at every request."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

HOST = "127.0.0.1"


class ReportServer(ThreadingHTTPServer):
    """Answers `/` with the report and `/version` with what the study as it is now is called; nothing else.

    Only to this machine, and only where it is asked by its own name, so that no page from elsewhere can read it through
    a name that it has made lead here.
    """

    def __init__(self, port: int, version: Callable[[], str], render: Callable[[str], str]):
        """Args: `port` 0 takes one that is free. `render` gives the report of a version.

        Raises:
            OSError: where the port is taken.
        """
        super().__init__((HOST, port), _Handler)
        self._version, self._render = version, render
        self._rendered = ("", b"")
        self._lock = Lock()
        own = self.server_address[1]
        self.names = {f"{HOST}:{own}", f"localhost:{own}"}
        self.url = f"http://{HOST}:{own}/"

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """(media type, content) of an address; None where there is none."""
        # One at a time: the study is read through one connection.
        with self._lock:
            version = self._version()
            if path == "/version":
                return "text/plain", version.encode()
            if path != "/":
                return None
            if self._rendered[0] != version:
                self._rendered = (version, self._render(version).encode(errors="replace"))
            return "text/html", self._rendered[1]


class _Handler(BaseHTTPRequestHandler):
    server: ReportServer

    def do_GET(self) -> None:
        """Answers; see `ReportServer`."""
        if self.headers.get("Host") not in self.server.names:
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        found = self.server.answer(self.path.partition("?")[0])
        if found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        kind, content = found
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are nobody's business."""
