"""What the cloud last said of its machines, for as long as that may be believed.

Claims are looked at with every change of their nodes and pods; clouds count requests. Nothing that
we did ourselves is believed to be as it was before.
"""

from dataclasses import dataclass, field

from kaito.base.clock import Clock
from kaito.cloud.port import Cloud, CloudMachine


@dataclass(frozen=True, slots=True)
class _Seen:
    at: float
    machine: CloudMachine | None


@dataclass(slots=True)
class Inventory:
    """One cloud's machines by name."""

    cloud: Cloud
    clock: Clock
    _seen: dict[str, _Seen] = field(default_factory=dict)

    async def find(self, name: str, *, max_age: float) -> CloudMachine | None:
        """The machine as it was at most `max_age` seconds ago.

        Raises:
            CloudFailure: the cloud did not say.
        """
        now = self.clock.monotonic()
        seen = self._seen.get(name)
        if seen is None or now - seen.at > max_age:
            seen = _Seen(now, await self.cloud.find(name))
            self._seen[name] = seen
        return seen.machine

    def forget(self, name: str) -> None:
        """Have the cloud asked at the next look."""
        self._seen.pop(name, None)
