"""The port between the API server's streaming subresources and whoever runs the pods.

The node agent implements `PodStreams`; this package consumes it and owns every wire protocol. An
implementation sees no HTTP, WebSocket or SPDY, and raises only `StreamError` (see errors.py for
ready ones with Kubernetes' words). Container defaulting is the implementation's: it knows the pod.
"""

from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from kaito.api.meta import Key

Output: TypeAlias = tuple[Literal[1, 2], bytes]
"""A piece of output: 1 is stdout, 2 is stderr; never empty bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """What part of a container's log to read (the fields of v1.PodLogOptions)."""

    container: str = ""
    """Empty: the pod's only container, or the one its default-container annotation names."""
    follow: bool = False
    """Go on until the container ends; without it, end at what is written now."""
    previous: bool = False
    """The log of the instance before the last restart."""
    tail_lines: int | None = None
    """Only that many last lines, counted after the `since` filter; 0 is none."""
    since_seconds: int | None = None
    """Only lines at most this old; at least 1. Never set together with `since_time`."""
    since_time: datetime | None = None
    """Only lines written at or after this moment; aware."""
    timestamps: bool = False
    """Prefix each line with its RFC 3339 time (nanoseconds, UTC) and a space."""
    limit_bytes: int | None = None
    """The answer is cut here by the server; an implementation may stop early, but need not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecRequest:
    """A command to run in a container, or (attach) a container's own process to connect to."""

    container: str = ""
    """Empty: the pod's only container, or the one its default-container annotation names."""
    command: tuple[str, ...] = ()
    """The argv of an exec, no shell involved; empty for attach."""
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False
    """Run under a pseudo-terminal; then all output is stdout, and `stderr` is False."""


class Session(Protocol):
    """One running exec or attach. Streams that were not asked for stay silent.

    The server calls `output` and `wait` once each, `write_stdin` and `close_stdin` from one task,
    and `kill` always, last, however the session ended.
    """

    async def write_stdin(self, data: bytes) -> None:
        """Hand `data` to the process; returns when it is written or buffered within a bound.

        Waiting here is the back-pressure on the client. After the process has closed its stdin or
        ended, data is dropped silently (a client may well still be typing).
        """
        ...

    async def close_stdin(self) -> None:
        """End of input: close the pipe, or send the terminal's EOF character. Repeatable."""
        ...

    def output(self) -> AsyncGenerator[Output, None]:
        """Output as it comes, to the end of the process and of what its pipes still hold.

        Not reading must stop the process from writing (bounded buffers). Pieces of at most 64 KiB.
        The server closes the generator when the client goes away.
        """
        ...

    def resize(self, width: int, height: int) -> None:
        """The client's terminal has this many columns and rows; ignored without `tty`."""
        ...

    async def wait(self) -> int:
        """The exit code, once the process has ended (128 + N after signal N)."""
        ...

    async def kill(self) -> None:
        """Let go: an exec's process group is ended and reaped; an attach only detaches.

        Also called after a normal end, where it frees what is left. Repeatable; returns within
        a few seconds.
        """
        ...


class PodStreams(Protocol):
    """Everything the streaming subresources need of the machine that runs a pod."""

    def logs(self, pod: Key, request: LogRequest) -> AsyncGenerator[bytes, None]:
        """The log, in pieces of one or more whole lines, each with its line feed.

        Refusals are raised on the first step, at once. A follow yields lines as soon as they are
        complete. The server closes the generator (`aclose`) when the client goes away, so it has
        to close those it reads from.
        """
        ...

    async def exec(self, pod: Key, request: ExecRequest) -> Session:
        """Start a command in a running container."""
        ...

    async def attach(self, pod: Key, request: ExecRequest) -> Session:
        """Connect to a running container's own process; output from now on."""
        ...

    async def dial(self, pod: Key, port: int) -> tuple[StreamReader, StreamWriter]:
        """A new TCP connection to that port of the pod.

        Tries the pod's own address first, then 127.0.0.1 (programs that bind only localhost).
        `StreamError` (errors.port_refused) when nobody accepts.
        """
        ...
