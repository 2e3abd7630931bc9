"""Tells people what happens to pods and Services, without making anybody wait for it."""

import asyncio
import logging

from kaito.api.meta import Object
from kaito.base.logs import facts
from kaito.kube.controller.decision import Note
from kaito.kube.controller.recorder import Recorder
from kaito.local.node.lifecycle.facts import PodEvent

logger = logging.getLogger(__name__)

COMPONENT = "kubelet"
"""Under whose name events appear: what people look for when they ask about a pod."""
_MOST_WAITING = 1000


class Events:
    """A bounded queue of events, written in order by `run`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._queue: asyncio.Queue[Note] = asyncio.Queue(_MOST_WAITING)

    def note(self, about: Object, event: PodEvent) -> None:
        """Queue one event; dropped when far too many wait already."""
        note = Note(about=about, type=event.type, reason=event.reason, message=event.message)
        try:
            self._queue.put_nowait(note)
        except asyncio.QueueFull:
            logger.warning("event dropped", extra=facts(about=about.key, reason=event.reason))

    async def run(self) -> None:
        """Write events until cancelled."""
        while True:
            await self._recorder.record(await self._queue.get())
