"""A model hub's data set as its clients meet it: a proxy, TLS, a redirect to where the bytes lie.

One loopback server is the proxy and, behind CONNECT, every host that it has files for: it answers
the tunnel itself, with a certificate of an authority that only these tests trust.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from kaito.base.certificates import ServerNames, issue_authority, issue_server
from kaito.base.clock import SystemClock

_DAY = timedelta(days=1)
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Site:
    """What the hosts behind the proxy answer, by the whole address; and what they were asked."""

    files: Mapping[str, Path]
    redirects: Mapping[str, str]
    asked: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Hub:
    """A running one."""

    asked: list[str]
    """Every address that was asked for, and `CONNECT host:port` of every tunnel."""
    environment: Mapping[str, str]
    """With these variables a program goes through it, and believes it."""


@contextmanager
def running_hub(folder: Path, site: Site) -> Iterator[Hub]:
    """Serve `site` until the end of the block; keys are put into `folder`."""
    context = _make_context(folder, site)

    class Handler(_Handler):
        served, tls = site, context

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield Hub(asked=site.asked, environment=_environment(folder, server.server_port))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """The proxy until a tunnel is asked for, the host at its other end from then on."""

    protocol_version = "HTTP/1.1"
    served: Site
    tls: ssl.SSLContext
    _host = ""

    def do_CONNECT(self) -> None:
        """Be the host that is asked for, if there is anything of it."""
        self.served.asked.append(f"CONNECT {self.path}")
        host, _, port = self.path.partition(":")
        if port != "443" or host not in _hosts(self.served):
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        self._host = host
        self.rfile.close()
        self.connection = self.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def finish(self) -> None:
        """Close the tunnel's end too, which the server does not know of."""
        super().finish()
        self.connection.close()

    def do_GET(self) -> None:
        """A file, or where it is instead."""
        address = f"https://{self._host}{self.path}"
        self.served.asked.append(address)
        if address in self.served.redirects:
            self._answer(302, Location=self.served.redirects[address])
        elif address in self.served.files:
            self._answer(200, self.served.files[address].read_bytes(), ETag='"1"')
        else:
            self._answer(404)

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: `Site.asked` says it."""


def _hosts(site: Site) -> tuple[str, ...]:
    return tuple(sorted({url.split("/")[2] for url in (*site.files, *site.redirects)}))


def _make_context(folder: Path, site: Site) -> ssl.SSLContext:
    now = SystemClock().now()
    authority = issue_authority("a hub of tests", now=now, life=_DAY)
    names = ServerNames(common_name="hub", dns=_hosts(site))
    issued = issue_server(authority, names, now=now, life=_DAY)
    _authority(folder).write_bytes(authority.certificate_pem)
    pair = folder / "hub.pem"
    pair.write_bytes(issued.certificate_pem + issued.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    return context


def _environment(folder: Path, port: int) -> dict[str, str]:
    proxy, direct = f"http://127.0.0.1:{port}", "127.0.0.1,localhost"
    # Where both spellings are set, programs differ in which one they believe.
    return {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "NO_PROXY": direct,
        "no_proxy": direct,
        "SSL_CERT_FILE": str(_authority(folder)),
    }


def _authority(folder: Path) -> Path:
    return folder / "authority.pem"
