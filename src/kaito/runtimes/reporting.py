"""What a program in a pod says about itself while it works: a `Board`, and HTTP to read it.

The board is a value behind a lock, since trainers and checksums write from threads of their own;
`answering` shows it at `GET /kaito/report` on the pod's port until the program, or the engine that
takes the port over, leaves. Standard library only: a report must not make a start slower.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

import msgspec

from kaito.api.report import REPORT_PATH, AdapterReport, PodReport, StageReport, TuningReport
from kaito.api.runtime import HEALTH_PATH, METRICS_PATH
from kaito.base.clock import Clock

MAX_STAGES = 32
"""Later ones push out the earliest: a report is a page, not a log."""
MAX_WARNINGS = 16
_WINDOW_SECONDS = 30.0
"""The time left is judged by the speed of this much of the past."""
_READ_SECONDS = 5.0
_LOOK_SECONDS = 0.1
_MAX_HEAD_BYTES = 16384


class Board:
    """The current report of one program. Safe to write and to read from any thread."""

    def __init__(self, program: Literal["weights", "serving", "tuning"], clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._report = PodReport(program=program)
        self._began = 0.0
        self._speed = _Speed()
        self._has_readers = False
        self._is_read = False

    @property
    def report(self) -> PodReport:
        """What there is to say now; the running stage has its seconds up to now."""
        with self._lock:
            return msgspec.structs.replace(self._report, stages=self._stages())

    def read(self) -> PodReport:
        """The report, for somebody who has asked for it."""
        with self._lock:
            self._has_readers = self._is_read = True
        return self.report

    async def wait_read(self, seconds: float) -> bool:
        """Linger until the last change has been read, so that the end is not what nobody sees.

        Returns at once where nobody has ever asked, and after `seconds` at the latest; whether it
        was read.
        """
        deadline = self._clock.monotonic() + seconds
        while self._has_readers and not self._is_read and self._clock.monotonic() < deadline:
            await self._clock.sleep(_LOOK_SECONDS)
        return self._is_read

    def start_stage(self, name: str, *, total: int = 0, done: int = 0, item: str = "") -> None:
        """Begin a stage of `total` bytes or steps, `done` of them there; the one before ended."""
        with self._lock:
            kept = _ended(self._stages())[-(MAX_STAGES - 1) :]
            self._began = self._clock.monotonic()
            self._speed = _Speed()
            self._speed.note(self._began, done)
            stage = StageReport(name=name, total=total, done=done, item=item)
            self._write(stages=(*kept, stage))

    def advance(self, size: int, *, item: str = "") -> None:
        """Count `size` more of the running stage; negative where some must come again."""
        with self._lock:
            if not (stages := self._report.stages) or stages[-1].is_over:
                return
            last = stages[-1]
            done = max(last.done + size, 0)
            self._speed.note(self._clock.monotonic(), done)
            changed = msgspec.structs.replace(last, done=done, item=item or last.item)
            self._write(stages=(*stages[:-1], changed))

    def end_stage(self) -> None:
        """The running stage ended well; without one nothing changes."""
        with self._lock:
            self._write(stages=_ended(self._stages()))

    def set_adapters(self, adapters: tuple[AdapterReport, ...]) -> None:
        """Say of every adapter how far it is."""
        with self._lock:
            self._write(adapters=adapters)

    def set_tuning(self, tuning: TuningReport) -> None:
        """Say how far training is."""
        with self._lock:
            self._write(tuning=tuning)

    def set_record(self, record: str) -> None:
        """Say all that is known about a tuning job: a `TuningRecord` as JSON."""
        with self._lock:
            self._write(record=record)

    def set_engine(self, *, engine: str, context_tokens: int, cache_tokens: int) -> None:
        """Say which engine runs and what it accepts and holds; 0: not known."""
        with self._lock:
            self._write(engine=engine, context_tokens=context_tokens, cache_tokens=cache_tokens)

    def warn(self, message: str) -> None:
        """Say, once, what goes on but not as it was asked for."""
        line = " ".join(message.split())
        with self._lock:
            kept = tuple(warning for warning in self._report.warnings if warning != line)
            self._write(warnings=(*kept, line)[-MAX_WARNINGS:])

    def _write(self, **fields: object) -> None:
        self._report = msgspec.structs.replace(self._report, **fields)
        self._is_read = False

    def _stages(self) -> tuple[StageReport, ...]:
        stages = self._report.stages
        if not stages or stages[-1].is_over:
            return stages
        now, last = self._clock.monotonic(), stages[-1]
        running = msgspec.structs.replace(
            last,
            seconds=round(now - self._began, 3),
            eta_seconds=self._speed.seconds_left(now, last),
        )
        return (*stages[:-1], running)


@asynccontextmanager
async def answering(
    board: Board, *, host: str, port: int, metrics: Callable[[], bytes] | None = None
) -> AsyncIterator[None]:
    """Answer /kaito/report, /health and, where given, /metrics while the context is open.

    `host` may be empty for every address. A port that is taken becomes a warning on the board: a
    report is never a reason not to do the work.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_respond(head, board, metrics))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # whoever asked hung up, or is no HTTP client: nobody waits for an answer
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host or None, port, limit=_MAX_HEAD_BYTES)
    except OSError as error:
        board.warn(f"port {port} cannot be opened for reports, nobody sees progress: {error}")
        yield
        return
    try:
        yield
    finally:
        # Not `wait_closed`: from Python 3.12 on it waits for clients that never hang up.
        server.close()


class _Speed:
    """How fast a stage moves, over the last half minute of it."""

    def __init__(self) -> None:
        self._notes: deque[tuple[float, int]] = deque()

    def note(self, moment: float, done: int) -> None:
        if self._notes and moment - self._notes[-1][0] < 1.0 and len(self._notes) > 1:
            self._notes.pop()
        self._notes.append((moment, done))
        while len(self._notes) > 2 and moment - self._notes[1][0] > _WINDOW_SECONDS:
            self._notes.popleft()

    def seconds_left(self, now: float, stage: StageReport) -> int:
        """-1 where there is nothing to judge by. A stall counts: the estimate grows with it."""
        if not (stage.total and self._notes):
            return -1
        start, before = self._notes[0]
        moved, elapsed = stage.done - before, now - start
        if moved <= 0 or elapsed <= 0:
            return -1
        return max(round((stage.total - stage.done) * elapsed / moved), 0)


def _ended(stages: tuple[StageReport, ...]) -> tuple[StageReport, ...]:
    if not stages or stages[-1].is_over:
        return stages
    last = msgspec.structs.replace(stages[-1], is_over=True, eta_seconds=-1)
    return (*stages[:-1], last)


def _respond(head: bytes, board: Board, metrics: Callable[[], bytes] | None) -> bytes:
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0].decode(errors="replace")
    if method != b"GET":
        return _response("405 Method Not Allowed", b"only GET is answered here\n")
    if path == REPORT_PATH:
        body = msgspec.json.encode(board.read())
        return _response("200 OK", body, kind="application/json")
    if path == HEALTH_PATH:
        return _response("200 OK", b"")
    if path == METRICS_PATH and metrics is not None:
        return _response("200 OK", metrics())
    return _response("404 Not Found", f"no {path} here; {REPORT_PATH} is\n".encode())


def _response(status: str, body: bytes, *, kind: str = "text/plain; charset=utf-8") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
