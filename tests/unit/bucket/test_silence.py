"""A wire that falls silent: at whatever moment, every transfer ends, and says of what."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import pytest

from kaito.api.weight_source import S3Source
from kaito.base.backoff import Backoff
from kaito.base.clock import SystemClock
from kaito.bucket import send
from kaito.bucket.client import open_bucket
from kaito.bucket.send import Outgoing, send_files
from kaito.registry.errors import RegistryError
from kaito.registry.progress import Unwatched

PART = 6 << 20
_PATIENCE = 0.1


@dataclass
class Stalling:
    """Speaks as a bucket does, until a request `stalls`; then it says no more, and how is asked."""

    stalls: Callable[[str], bool]
    how: str
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    tries: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        while head := await self._read_head(reader):
            line = head.split(b"\r\n", 1)[0].decode()
            if self.stalls(line):
                self.tries += 1
                await self._stall(writer)
                return
            await self._answer(head, line, reader, writer)

    async def _read_head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def _stall(self, writer: asyncio.StreamWriter) -> None:
        if self.how == "half closed":
            writer.write_eof()
        elif self.how == "in an answer":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n<List")
        elif self.how == "in a refusal":
            writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 50\r\n\r\n<Err")
        # Nothing more is read either: a body fills the buffers in between, and waits.

    async def _answer(
        self, head: bytes, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        sizes = [at for at in head.lower().split(b"\r\n") if at.startswith(b"content-length:")]
        if sizes:
            await reader.readexactly(int(sizes[0].partition(b":")[2]))
        text = "<ListBucketResult/>" if "list-type" in line else "<CompleteMultipartUploadResult/>"
        if "uploads" in line:
            name = "ListMultipartUploads" if line.startswith("GET") else "InitiateMultipartUpload"
            text = f"<{name}Result><UploadId>u</UploadId></{name}Result>"
        said = f'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: {len(text)}\r\n\r\n{text}'
        writer.write(said.encode())
        await writer.drain()


@asynccontextmanager
async def a_wire(wire: Stalling) -> AsyncIterator[str]:
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in wire.writers:
            writer.close()
        server.close()
        await server.wait_closed()


STAGES: dict[str, Callable[[str], bool]] = {
    "listing": lambda line: "list-type" in line,
    "looking for uploads": lambda line: line.startswith("GET") and "uploads" in line,
    "beginning": lambda line: line.startswith("POST") and "uploads" in line,
    "sending": lambda line: line.startswith("PUT"),
    "completing": lambda line: line.startswith("POST") and "uploadId" in line,
}


LIMITS = (
    "bucket.send.SILENCE",
    "bucket.send.ASSEMBLY",
    "bucket.client.ANSWER",
    "registry.web.ANSWER",
)


@pytest.mark.parametrize("how", ["silent", "half closed", "in an answer", "in a refusal"])
@pytest.mark.parametrize("stage", STAGES)
async def test_an_upload_ends_wherever_the_wire_falls_silent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stage: str, how: str
) -> None:
    monkeypatch.setattr(send, "PART_BYTES", PART)
    for name in LIMITS:
        monkeypatch.setattr(f"kaito.{name}_SECONDS", _PATIENCE)
    path, content = tmp_path / "b.bin", os.urandom(2 * PART)
    path.write_bytes(content)
    file = Outgoing(name="b.bin", path=path, size=2 * PART, sha256=sha256(content).hexdigest())
    wire = Stalling(STAGES[stage], how)
    async with a_wire(wire) as url, open_bucket(S3Source("b-1", "p", url), SystemClock()) as bucket:
        bucket.web = replace(bucket.web, backoff=Backoff(base=0.01, cap=0.01))
        async with asyncio.timeout(20):
            if (stage, how) == ("sending", "in an answer"):
                # A part counts with its answer's head; nobody is owed the rest of it.
                await send_files(bucket, [file], Unwatched())
                return
            with pytest.raises(RegistryError) as caught:
                await send_files(bucket, [file], Unwatched())
    assert caught.value.kind == "unreachable"
    assert str(caught.value).startswith("s3://b-1/")
    assert wire.tries > 1, "it was asked again"
