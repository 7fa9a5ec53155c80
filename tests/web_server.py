"""A web server on loopback for the tests: it knows ranges, and can break off, swap bytes, or answer nonsense."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

PIECE = 1 << 15  # bytes


class WebServer:
    """Serves `root`. What a test sets holds from the next request on."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ranges = True  # whether it answers Range with 206
        self.cut_after: Callable[[], int | None] = lambda: None  # bytes of a body, then the connection breaks
        self.change: Callable[[str, bytes], bytes] = lambda path, data: data  # what is sent instead
        self.seconds_a_piece = 0.0  # a slow line
        self.served: list[tuple[str, int]] = []  # bytes of bodies, by path
        self.requests: list[str] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        path = unquote(handler.path).lstrip("/")
        self.requests.append(path)
        if not (self.root / path).is_file():
            handler.send_error(404)
            return
        data = self.change(path, (self.root / path).read_bytes())
        asked = handler.headers.get("Range")
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked and self.ranges else 0
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        body = memoryview(data)[start:][: self.cut_after()]
        sent = 0
        try:
            for at in range(0, len(body), PIECE):
                handler.wfile.write(body[at : at + PIECE])
                sent += len(body[at : at + PIECE])
                time.sleep(self.seconds_a_piece)
        except ConnectionError:
            pass  # the reader was killed
        self.served.append((path, sent))
        handler.close_connection = True

    @contextmanager
    def running(self) -> Iterator[WebServer]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()
