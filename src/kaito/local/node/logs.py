"""Reads the log of a run as `kubectl logs` wants it: a part of it, perhaps as it grows."""

from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import datetime, timedelta

from kaito.base.clock import to_rfc3339_micro
from kaito.local.apiserver.streaming.port import LogRequest
from kaito.local.node.cri_log import Entry, LineRenderer, LogCursor
from kaito.local.node.file_watch import FolderWatch
from kaito.local.node.run_files import RunFiles


async def read_log(
    files: RunFiles, request: LogRequest, now: datetime, *, has_ended: Callable[[], bool]
) -> AsyncGenerator[bytes, None]:
    """The wanted part of a log, in pieces; a follow goes on until the run has ended."""
    since = _since(request, now)
    renderer = LineRenderer(timestamps=request.timestamps)
    # Watched before the first read, so that nothing written in between goes unnoticed.
    with FolderWatch(files.path) as watch, LogCursor(files.log, tail=request.tail_lines) as cursor:
        while True:
            is_last = has_ended() or files.has_ended()
            while found := cursor.read():
                if piece := renderer.render(_newer(found, since)):
                    yield piece
            if is_last or not request.follow:
                return
            await watch.wait()


def _since(request: LogRequest, now: datetime) -> bytes:
    moment = request.since_time
    if request.since_seconds is not None:
        moment = now - timedelta(seconds=request.since_seconds)
    if moment is None:
        return b""
    # The log has nanoseconds; as texts of one length, times compare like their bytes.
    return to_rfc3339_micro(moment).removesuffix("Z").encode() + b"000Z"


def _newer(entries: Iterable[Entry], since: bytes) -> Iterable[Entry]:
    return (entry for entry in entries if entry.time >= since)
