"""What counts as the beginning of a request's head."""

import asyncio

import pytest

from kaito.runtimes.serving import head_guard
from kaito.runtimes.serving.head_guard import HeadGuard


class Protocol(asyncio.Protocol):
    """What is guarded: told of heads and bodies by a parser, which the test plays."""

    def on_headers_complete(self) -> None:
        """A head has ended."""

    def on_message_complete(self) -> None:
        """A body has ended."""


class Guarded(HeadGuard, Protocol):
    """As uvicorn's is."""


class Connection(asyncio.Transport):
    """One that can be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = asyncio.Event()

    def close(self) -> None:
        self.is_closed.set()


async def test_an_empty_line_after_a_body_ends_no_answer_that_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(head_guard, "HEAD_SECONDS", 0.05)
    guarded, connection = Guarded(), Connection()
    guarded.connection_made(connection)
    guarded.on_headers_complete()
    guarded.on_message_complete()
    guarded.data_received(b"\r\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connection.is_closed.wait(), 0.2)
    guarded.data_received(b"GET")
    await asyncio.wait_for(connection.is_closed.wait(), 5)
