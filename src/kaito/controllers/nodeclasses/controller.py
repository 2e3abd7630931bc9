"""One loop over the declared names: what is missing is made, what differs is written again.

What the cache does not have may be there all the same, and be somebody else's: so a class is made
only where the API server has none of the name either. Nothing is deleted: pools refer to a class as
long as their nodes live, and Karpenter itself holds a class that is in use. Its keys are names of
which there may be no object, so whoever runs the loop queues them once (`keys`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaito.api.meta import Key, Manifest, Object
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import NOTHING, Apply, Decision
from kaito.kube.controller.runner import Watch, its_own_key
from kaito.provision.node_classes import DeclaredClasses, is_ours
from kaito.render.stamp import is_current, stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A declared class, and the object of its name."""

    wanted: Manifest
    live: Object | None


@dataclass(frozen=True, slots=True)
class NodeClassController:
    """Keeps the declared node classes."""

    declared: DeclaredClasses

    name = "kaito-node-classes"

    @property
    def keys(self) -> tuple[Key, ...]:
        """What to look at when the loop begins."""
        return tuple(Key("", entry.name) for entry in self.declared.entries)

    @property
    def watches(self) -> tuple[Watch[Any], ...]:
        """The classes themselves."""
        return (Watch(self.declared.resource, its_own_key),)

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """The object beside its declaration; nothing for a class that nobody declared."""
        wanted = self.declared.render(key.name)
        if wanted is None:
            return None
        return Observed(wanted=stamp(wanted), live=reader.get(self.declared.resource, key))

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """Write what is missing or differs. Pure."""
        del now
        live, wanted = observed.live, observed.wanted
        name = f"{wanted['kind']} {wanted['metadata']['name']}"
        if live is not None and not is_ours(live):
            return Decision(why=(f"{name} is somebody else's and is used as it is",))
        if is_current(live, wanted) or (live is not None and live.metadata.is_deleting):
            return NOTHING
        apply = Apply(resource=self.declared.resource, manifest=wanted, is_new=live is None)
        return Decision(actions=(apply,), why=(f"{name} is written as declared",))
