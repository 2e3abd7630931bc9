"""Writes events (core/v1). Equal events about one object become one event with a count."""

import asyncio
import hashlib
import logging

from kaito.api.core import EVENTS, Event
from kaito.api.meta import Key, Manifest
from kaito.base.clock import Clock, to_rfc3339
from kaito.base.logs import facts
from kaito.kube import errors
from kaito.kube.client import Client
from kaito.kube.controller.decision import Note

logger = logging.getLogger(__name__)

_MOST_WAITING = 1000
_LONGEST_MESSAGE = 1024
"""Characters; the API server refuses longer messages."""


class Recorder:
    """Writes notes as events. An event that cannot be written is logged and dropped."""

    def __init__(self, client: Client, *, component: str, clock: Clock) -> None:
        self._client = client
        self._component = component
        self._clock = clock
        self._waiting: asyncio.Queue[Note] = asyncio.Queue(_MOST_WAITING)

    def tell(self, note: Note) -> None:
        """Have an event written soon, in order; dropped when far too many wait already."""
        try:
            self._waiting.put_nowait(note)
        except asyncio.QueueFull:
            found = facts(about=note.about.key, reason=note.reason)
            logger.warning("event dropped", extra=found)

    async def run(self) -> None:
        """Write what was told, until cancelled."""
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
        """Write one event, or count up the one that says the same already."""
        manifest = self._render(note)
        try:
            await self._client.create(EVENTS, manifest)
        except errors.AlreadyExists:
            await self._count_up(
                Key(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
            )
        except errors.ApiError as error:
            # A namespace that is being deleted takes no events; that must not stop its clean-up.
            logger.debug("event not written", extra=facts(about=note.about.key, error=error))

    async def _count_up(self, key: Key) -> None:
        try:
            known: Event = await self._client.get(EVENTS, key)
            seen = {"count": known.count + 1, "lastTimestamp": to_rfc3339(self._clock.now())}
            await self._client.patch(EVENTS, key, seen)
        except errors.ApiError as error:
            logger.debug("event not counted", extra=facts(event=key, error=error))

    def _render(self, note: Note) -> Manifest:
        meta = note.about.metadata
        said = f"{meta.uid}\n{note.type}\n{note.reason}\n{note.message}"
        digest = hashlib.sha256(said.encode()).hexdigest()[:16]
        now = to_rfc3339(self._clock.now())
        return {
            "apiVersion": "v1",
            "kind": "Event",
            # Events about cluster-scoped objects live in `default`, as the kubelet's do.
            "metadata": {"name": f"{meta.name}.{digest}", "namespace": meta.namespace or "default"},
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
