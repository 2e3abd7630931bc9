"""Tells people what happens to pods and Services, without making anybody wait for it."""

from kaito.api.meta import Object
from kaito.kube.controller.decision import Note
from kaito.kube.controller.recorder import Recorder
from kaito.local.node.lifecycle.facts import PodEvent

COMPONENT = "kubelet"
"""Under whose name events appear: what people look for when they ask about a pod."""


class Events:
    """Events in the node agent's words, written in order by `run`."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def note(self, about: Object, event: PodEvent) -> None:
        """Have one event written soon."""
        self._recorder.tell(
            Note(about=about, type=event.type, reason=event.reason, message=event.message)
        )

    async def run(self) -> None:
        """Write events until cancelled."""
        await self._recorder.run()
