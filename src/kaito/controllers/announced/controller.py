"""The control loops of the announced kinds: each watches its own kind and nothing else."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaito.api.meta import Key
from kaito.controllers.announced.decide import decide
from kaito.controllers.announced.kinds import ANNOUNCED, Announced, AnnouncedObject
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch, its_own_key


@dataclass(frozen=True, slots=True)
class AnnouncedController:
    """The control loop of one announced kind."""

    kind: Announced

    @property
    def name(self) -> str:
        """The loop's name and field manager."""
        return f"kaito-{self.kind.resource.kind.lower()}"

    @property
    def watches(self) -> tuple[Watch[Any], ...]:
        """The kind itself."""
        return (Watch(self.kind.resource, its_own_key),)

    async def observe(self, reader: Reader, key: Key) -> AnnouncedObject | None:
        """The object, if it is still there."""
        return reader.get(self.kind.resource, key)

    def decide(self, observed: AnnouncedObject, now: datetime) -> Decision:
        """What its status has to say."""
        return decide(self.kind, observed, now)


def announced_controllers(*, runs: frozenset[str] = frozenset()) -> tuple[AnnouncedController, ...]:
    """One loop for each kind that is stored and not run; `runs` are kinds that are run here."""
    return tuple(AnnouncedController(k) for k in ANNOUNCED if k.resource.kind not in runs)
