"""A loopback site of training data, some of it as broken as the web is.

    /train.jsonl    whole, can be resumed          /cut.jsonl      the same, cut once in the middle
    /page.parquet   a web page under 200           /empty.jsonl    nothing
    /inward.jsonl   sends on to a metadata address
    all else        404

Standard library only, in threads: the programs that fetch are in this process or in others.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

_POLL_SECONDS = 0.02
_METADATA = "http://169.254.169.254/latest"


@dataclass
class FaultySite:
    """A running one."""

    content: bytes
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Path and Range of every request."""


@contextmanager
def running_site(content: bytes) -> Iterator[FaultySite]:
    """Serve `content`, whole or broken, until the end of the block."""
    site = FaultySite(content)

    class Handler(_Handler):
        served = site

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    served: FaultySite

    def do_GET(self) -> None:
        """A file, or a fault."""
        given = self.headers.get("Range", "")
        is_first = not any(path == self.path for path, _ in self.served.asked)
        self.served.asked.append((self.path, given))
        content = self.served.content
        start = int(given.removeprefix("bytes=").rstrip("-")) if given else 0
        if self.path == "/train.jsonl" or (self.path == "/cut.jsonl" and not is_first):
            self._answer(206 if given else 200, content[start:])
        elif self.path == "/cut.jsonl":
            self._answer(200, content[: len(content) // 2], length=len(content))
        elif self.path == "/page.parquet":
            self._answer(200, b"<!doctype html><html>log in first</html>", kind="text/html")
        elif self.path == "/empty.jsonl":
            self._answer(200, b"")
        elif self.path == "/inward.jsonl":
            self._answer(302, b"", Location=_METADATA)
        else:
            self._answer(404, b"no such file")

    def _answer(
        self, status: int, body: bytes, *, length: int = -1, kind: str = "", **headers: str
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Type", kind or "application/octet-stream")
        self.send_header("Content-Length", str(len(body) if length < 0 else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: `asked` says it."""
