"""One exec or attach between a client and a session, both scripted."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from kaito.api.meta import Manifest
from kaito.base.clock import settle
from kaito.local.apiserver.streaming.errors import StreamError
from kaito.local.apiserver.streaming.port import Output, Session
from kaito.local.apiserver.streaming.session import resize, serve_session


class _Client:
    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.output = b""
        self.outcome: Manifest | None = None
        self.is_broken = False

    async def pump_input(self, session: Session) -> None:
        await self.gone.wait()

    async def send(self, channel: int, data: bytes) -> None:
        if self.is_broken:
            raise ConnectionResetError
        self.output += bytes((channel + ord("0"),)) + data

    async def finish(self, outcome: Manifest) -> None:
        self.outcome = outcome


class _Session:
    def __init__(self, *output: Output, code: int = 0, error: StreamError | None = None) -> None:
        self.sizes: list[tuple[int, int]] = []
        self.is_output_closed = False
        self.may_end = asyncio.Event()
        self.may_end.set()
        self._output = output
        self._code = code
        self._error = error

    async def write_stdin(self, data: bytes) -> None: ...

    async def close_stdin(self) -> None: ...

    async def output(self) -> AsyncGenerator[Output, None]:
        try:
            for piece in self._output:
                yield piece
            await self.may_end.wait()
        finally:
            self.is_output_closed = True

    def resize(self, width: int, height: int) -> None:
        self.sizes.append((width, height))

    async def wait(self) -> int:
        if self._error:
            raise self._error
        return self._code

    async def kill(self) -> None: ...


async def test_output_comes_before_the_exit_status() -> None:
    client = _Client()
    assert await serve_session(client, _Session((1, b"a"), (2, b"b"), code=3), reports_exit=True)
    assert client.output == b"1a2b"
    assert client.outcome is not None
    assert client.outcome["details"]["causes"][0]["message"] == "3"


async def test_an_attach_succeeds_whatever_the_process_returned() -> None:
    client = _Client()
    assert await serve_session(client, _Session(code=3), reports_exit=False)
    assert client.outcome == {"metadata": {}, "status": "Success"}


async def test_a_session_that_fails_reports_why() -> None:
    client = _Client()
    error = StreamError(500, "InternalError", "the terminal is gone")
    assert await serve_session(client, _Session(error=error), reports_exit=True)
    assert client.outcome is not None
    assert client.outcome["message"] == "the terminal is gone"


async def test_a_client_that_goes_away_ends_the_reading_of_output() -> None:
    client, session = _Client(), _Session((1, b"a"))
    session.may_end.clear()
    serving = asyncio.create_task(serve_session(client, session, reports_exit=True))
    await settle()
    client.gone.set()
    assert await serving is False
    assert session.is_output_closed
    assert client.outcome is None


async def test_a_client_that_cannot_be_written_to_has_gone() -> None:
    client = _Client()
    client.is_broken = True
    assert await serve_session(client, _Session((1, b"a")), reports_exit=True) is False


@pytest.mark.parametrize(
    ("message", "sizes"),
    [
        (b'{"Width":101,"Height":33}', [(101, 33)]),
        (b'{"Width":0,"Height":33}', []),
        (b'{"Width":70000,"Height":33}', []),
        (b"[]", []),
        (b"\xff", []),
    ],
)
def test_only_a_real_terminal_size_is_applied(message: bytes, sizes: list[tuple[int, int]]) -> None:
    session = _Session()
    resize(session, message)
    assert session.sizes == sizes
