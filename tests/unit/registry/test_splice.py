"""Bytes that the system moves from a connection into a file."""

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaito.registry.splice import Cut, Splice

CONTENT = os.urandom(3 << 20)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection; neither blocks."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        with near, far:
            near.setblocking(False)
            far.setblocking(False)
            yield near, far


@pytest.fixture
def full_disk() -> Iterator[int]:
    """A file that takes nothing."""
    with Path("/dev/full").open("wb") as file:
        yield file.fileno()


async def take(
    near: socket.socket, far: socket.socket, path: Path, *, size: int, content: bytes = CONTENT
) -> int:
    """Send `content`, hang up, and take `size` bytes to 10 and on; how many were told of."""
    told: list[int] = []
    with path.open("wb") as file:
        splice = Splice(near.fileno(), file.fileno(), offset=10, size=size, arrived=told.append)
        try:
            async with asyncio.timeout(20), asyncio.TaskGroup() as group:
                group.create_task(send(far, content))
                await splice.over
        finally:
            splice.close()
    return sum(told)


async def send(far: socket.socket, content: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(far, content)
    far.shutdown(socket.SHUT_WR)


async def test_everything_comes_to_its_place(
    ends: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    assert await take(*ends, tmp_path / "file", size=len(CONTENT)) == len(CONTENT)
    assert (tmp_path / "file").read_bytes() == bytes(10) + CONTENT


async def test_no_more_is_taken_than_was_asked_for(
    ends: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    assert await take(*ends, tmp_path / "file", size=1000, content=CONTENT[:3000]) == 1000
    assert (tmp_path / "file").read_bytes() == bytes(10) + CONTENT[:1000]


async def test_a_connection_that_ends_early_is_told_with_what_came(
    ends: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    near, far = ends
    told: list[int] = []
    with (tmp_path / "file").open("wb") as file:
        splice = Splice(near.fileno(), file.fileno(), offset=0, size=5000, arrived=told.append)
        try:
            await send(far, CONTENT[:4000])
            with pytest.raises(Cut):
                async with asyncio.timeout(20):
                    await splice.over
        finally:
            splice.close()
    assert sum(told) == 4000
    assert (tmp_path / "file").read_bytes() == CONTENT[:4000]


async def test_a_file_system_that_cannot_is_written_to(
    ends: tuple[socket.socket, socket.socket], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.splice

    def refusing(source: int, target: int, count: int, **rest: int) -> int:
        if "offset_dst" in rest:
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(source, target, count, **rest)

    monkeypatch.setattr(os, "splice", refusing)
    assert await take(*ends, tmp_path / "file", size=len(CONTENT)) == len(CONTENT)
    assert (tmp_path / "file").read_bytes() == bytes(10) + CONTENT


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP])
async def test_a_system_that_cannot_is_read_from(
    ends: tuple[socket.socket, socket.socket],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    def refusing(*_: int, **_rest: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "splice", refusing)
    assert await take(*ends, tmp_path / "file", size=len(CONTENT)) == len(CONTENT)
    assert (tmp_path / "file").read_bytes() == bytes(10) + CONTENT


@pytest.mark.parametrize(
    "number", [errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ECONNRESET]
)
async def test_a_network_that_fails_is_no_error_of_the_disk(
    ends: tuple[socket.socket, socket.socket],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    def failing(*_: int, **_rest: int) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "splice", failing)
    with pytest.raises(ExceptionGroup) as failed:
        await take(*ends, tmp_path / "file", size=1000, content=CONTENT[:1000])
    (cut,) = failed.value.exceptions
    assert isinstance(cut, Cut)
    assert str(cut) == os.strerror(number)


async def test_a_full_disk_is_an_error_and_not_a_wait(
    ends: tuple[socket.socket, socket.socket], full_disk: int
) -> None:
    near, far = ends
    splice = Splice(near.fileno(), full_disk, offset=0, size=100, arrived=lambda _: None)
    try:
        await send(far, bytes(100))
        with pytest.raises(OSError, match="No space left"):
            async with asyncio.timeout(20):
                await splice.over
    finally:
        splice.close()
