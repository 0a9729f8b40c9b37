"""Takes Alertmanager's notifications, and serves what their links lead to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from grafana.demo_stack.addresses import HOST, url
from grafana.demo_stack.notification import Notification
from grafana.demo_stack.page import Page

_LARGEST = 4 * 1024 * 1024
_TIMEOUT = 10


class Receiver:
    """Calls ``take`` with each notification, ``page`` with the target of each GET. A context manager."""

    def __init__(self, port: int, take: Callable[[Notification], None], page: Callable[[str], Page]) -> None:
        self._server = _Server(port, take, page)
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver")
        self.url = url(self._server.server_port)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for the requests under way

    def __init__(self, port: int, take: Callable[[Notification], None], page: Callable[[str], Page]) -> None:
        super().__init__((HOST, port), _Handler)
        self.take = take
        self.page = page


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _TIMEOUT

    def do_POST(self) -> None:
        try:
            length = int(self.headers["Content-Length"])
            notification = Notification.of(json.loads(self.rfile.read(max(0, min(length, _LARGEST)))))
        except (AttributeError, TypeError, KeyError, ValueError, RecursionError) as error:
            self.send_error(HTTPStatus.BAD_REQUEST, f"not a notification of Alertmanager: {error!r}")
            return
        self.server.take(notification)
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, *_: object) -> None:
        """The terminal is for the notifications."""

    def _answer(self, *, with_body: bool) -> None:
        page = self.server.page(self.path)
        self.send_response(page.status)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Length", str(len(page.content)))
        self.end_headers()
        if with_body:
            self.wfile.write(page.content)
