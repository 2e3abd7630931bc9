"""A bucket on this machine: moto's server, whose S3 keeps parts, ETags and logins as Amazon's does.

One server a process; each test has a bucket of its own.
"""

import re
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from kaito.api.weight_source import S3Source

REGION = "eu-central-1"
LOGIN = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
NOWHERE = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
"""Nothing of this machine's own is looked at."""


@dataclass
class BucketServer:
    """A running one."""

    url: str

    def client(self, **login: str) -> Any:
        """Amazon's own client, to see what is there."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=login.get("AWS_ACCESS_KEY_ID", "test"),
            aws_secret_access_key=login.get("AWS_SECRET_ACCESS_KEY", "test"),
        )

    def make_bucket(self, name: str, **objects: bytes) -> S3Source:
        """A bucket with objects in the folder `models/tiny`, `__` being a dot in their names."""
        client = self.client()
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        source = S3Source(name, "models/tiny", self.url, REGION)
        for key, content in objects.items():
            self.put(source, key.replace("__", "."), content)
        return source

    def put(self, source: S3Source, name: str, content: bytes) -> None:
        """Somebody else's upload."""
        key = f"{source.prefix}/{name}"
        self.client().put_object(Bucket=source.bucket, Key=key, Body=content)

    def read(self, source: S3Source, name: str) -> bytes:
        """An object's content."""
        found = self.client().get_object(Bucket=source.bucket, Key=f"{source.prefix}/{name}")
        content: bytes = found["Body"].read()
        return content

    def names(self, source: S3Source) -> set[str]:
        """What is in the folder."""
        found = self.client().list_objects_v2(Bucket=source.bucket)
        keys = [one["Key"] for one in found.get("Contents", [])]
        return {key.removeprefix(f"{source.prefix}/") for key in keys}

    def require_logins(self, is_on: bool) -> None:
        """Whether logins are checked from now on."""
        body = b"0" if is_on else b"inf"
        request = urllib.request.Request(
            f"{self.url}/moto-api/reset-auth", body, {"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request).close()


@contextmanager
def running_bucket_server() -> Iterator[BucketServer]:
    """A server for the length of the block."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield BucketServer(f"http://{host}:{port}")
    finally:
        server.stop()


@dataclass
class SpiedWire:
    """Forwards connections, hears every request, and counts what comes back."""

    target: str
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path without query, and Range of every request."""
    answered: int = 0
    """Bytes of answers."""
    sent: int = 0
    """Bytes of requests."""
    limit: Callable[["SpiedWire"], bool] = lambda _: False
    """Once it holds, every connection ends, and each new one at once."""
    act: Callable[[], None] = lambda: None
    """What is done then."""
    _lock: Any = field(default_factory=threading.Lock)

    def asked_for(self, name: str) -> list[tuple[str, str]]:
        """Method and Range of the requests for a file."""
        return [(method, part) for method, path, part in self.asked if path.endswith(f"/{name}")]

    def forward(self, source: socket.socket, sink: socket.socket, *, is_request: bool) -> None:
        """One direction of one connection, until either end closes it."""
        with suppress(OSError):
            while chunk := source.recv(1 << 16):
                with self._lock:
                    self._note(chunk, is_request)
                    is_over = self.limit(self)
                if is_over:
                    self.act()
                    break
                sink.sendall(chunk)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _note(self, chunk: bytes, is_request: bool) -> None:
        if not is_request:
            self.answered += len(chunk)
            return
        self.sent += len(chunk)
        head = re.match(rb"(GET|PUT|POST|HEAD|DELETE) ([^ ?]+)[^ ]* HTTP/1.1\r\n", chunk)
        if head is not None:
            part = re.search(rb"\r\nRange: bytes=([0-9-]+)\r\n", chunk)
            said = part[1].decode() if part is not None else ""
            self.asked.append((head[1].decode(), head[2].decode(), said))


@contextmanager
def spied_wire(url: str) -> Iterator[tuple[str, SpiedWire]]:
    """A wire to the server at `url`, and its own address."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    wire = SpiedWire(url)
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((host, int(port)))
            except OSError:
                client.close()
                continue
            for ends, is_request in (((client, server), True), ((server, client), False)):
                thread = threading.Thread(
                    target=wire.forward, args=ends, kwargs={"is_request": is_request}, daemon=True
                )
                thread.start()
                threads.append(thread)
            ends_of.extend((client, server))

    ends_of: list[socket.socket] = []
    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", wire
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for end in ends_of:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)
        for end in ends_of:
            end.close()
