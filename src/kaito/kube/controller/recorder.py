"""Writes events (core/v1). Equal events about one object become one event with a count."""

import asyncio
import hashlib
import logging
from dataclasses import dataclass

from kaito.api.core import EVENTS, Event
from kaito.api.meta import Key, Manifest
from kaito.base.clock import Clock, to_rfc3339
from kaito.base.logs import facts
from kaito.kube import errors
from kaito.kube.client import Client
from kaito.kube.controller.decision import Note

logger = logging.getLogger(__name__)

_MOST_WAITING = 10_000
_AT_ONCE = 8
"""Events written at a time: in a burst of starts they are a third of all requests."""
_QUIET_SECONDS = 10.0
_LONGEST_NAME = 253
_LONGEST_MESSAGE = 1024
"""Characters; the API server refuses longer messages."""


@dataclass(frozen=True, slots=True)
class _Said:
    """When an event was last written, and how often it was said again since."""

    written_at: float
    unwritten: int


class Recorder:
    """Writes notes as events. An event that cannot be written is logged and dropped."""

    def __init__(self, client: Client, *, component: str, clock: Clock) -> None:
        self._client = client
        self._component = component
        self._clock = clock
        self._waiting: asyncio.Queue[Note] = asyncio.Queue(_MOST_WAITING)
        self._said: dict[Key, _Said] = {}

    def tell(self, note: Note) -> None:
        """Have an event written soon, in order; dropped when far too many wait already."""
        try:
            self._waiting.put_nowait(note)
        except asyncio.QueueFull:
            found = facts(about=note.about.key, reason=note.reason)
            logger.warning("event dropped", extra=found)

    async def run(self) -> None:
        """Write what was told, several at a time, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._write())

    async def _write(self) -> None:
        while True:
            note = await self._waiting.get()
            try:
                await self.record(note)
            finally:
                self._waiting.task_done()

    async def written(self) -> None:
        """Return when everything told so far is written; only while `run` runs."""
        await self._waiting.join()

    async def record(self, note: Note) -> None:
        """Write one event, or count up the one that says the same already.

        What is said again within ten seconds is only counted, and written with the next of its
        kind: a probe that fails every second must not become three requests a second.
        """
        manifest = self._render(note)
        key = Key(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        now = self._clock.monotonic()
        last = self._said.get(key)
        if last is not None and now - last.written_at < _QUIET_SECONDS:
            self._said[key] = _Said(last.written_at, last.unwritten + 1)
            return
        self._remember(key, now)
        try:
            await self._client.create(EVENTS, manifest)
        except errors.AlreadyExists:
            await self._count_up(key, 1 + (last.unwritten if last else 0))
        except errors.ApiError as error:
            # A namespace that is being deleted takes no events; that must not stop its clean-up.
            logger.debug("event not written", extra=facts(about=note.about.key, error=error))

    def _remember(self, key: Key, now: float) -> None:
        if len(self._said) >= _MOST_WAITING:
            self._said = {
                k: s for k, s in self._said.items() if now - s.written_at < _QUIET_SECONDS
            }
        self._said[key] = _Said(now, 0)

    async def _count_up(self, key: Key, by: int) -> None:
        try:
            known: Event = await self._client.get(EVENTS, key)
            seen = {"count": known.count + by, "lastTimestamp": to_rfc3339(self._clock.now())}
            await self._client.patch(EVENTS, key, seen)
        except errors.ApiError as error:
            logger.debug("event not counted", extra=facts(event=key, error=error))

    def _render(self, note: Note) -> Manifest:
        meta = note.about.metadata
        said = f"{meta.uid}\n{note.type}\n{note.reason}\n{note.message}"
        digest = hashlib.sha256(said.encode()).hexdigest()[:16]
        now = to_rfc3339(self._clock.now())
        begins = meta.name[: _LONGEST_NAME - len(digest) - 1].rstrip("-.")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            # Events about cluster-scoped objects live in `default`, as the kubelet's do.
            "metadata": {"name": f"{begins}.{digest}", "namespace": meta.namespace or "default"},
            "involvedObject": {
                "apiVersion": note.about.api_version,
                "kind": note.about.kind,
                "namespace": meta.namespace,
                "name": meta.name,
                "uid": meta.uid,
            },
            "type": note.type,
            "reason": note.reason,
            "message": note.message[:_LONGEST_MESSAGE],
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._component,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
        }
