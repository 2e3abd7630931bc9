"""Machines of this cluster whose claim is gone are ended: what costs money must not be forgotten.

A finalizer keeps a claim until its machine is gone, but finalizers are removed by hand, and a
launch that timed out may succeed after its claim has left.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaito.api.meta import Key, Object, ObjectMeta
from kaito.api.nodeclaim import NODECLAIMS
from kaito.base.logs import facts
from kaito.cloud.failure import CloudFailure
from kaito.cloud.port import Cloud, CloudMachine
from kaito.controllers.nodeclaims.effects import Terminate
from kaito.controllers.nodeclaims.settings import NodeClaimSettings
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision, Note
from kaito.kube.controller.runner import Watch
from kaito.kube.live import Uids

logger = logging.getLogger(__name__)

SWEEP_KEY = Key("", "machines")
"""The one key: whoever runs the loop queues it once, it then comes back by itself."""
_EVERY_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A machine whose claim is not among the known ones."""

    machine: CloudMachine
    uid: str
    """Of the claim of that name as the API server has it now; empty: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepController:
    """Ends orphaned machines."""

    cloud: Cloud
    settings: NodeClaimSettings
    live: Uids

    name = "kaito-machine-sweep"

    @property
    def watches(self) -> tuple[Watch[Any], ...]:
        """Claims are read, but no change of one calls for a sweep."""
        return (Watch(NODECLAIMS, _nobody),)

    async def observe(self, reader: Reader, key: Key) -> tuple[Stray, ...]:
        """Machines without a claim in the cache; of each the API server is asked, too."""
        del key
        try:
            machines = await self.cloud.list_machines()
        except CloudFailure as failure:
            found = facts(reason=failure.reason, error=failure)
            logger.warning("the cloud did not list its machines", extra=found)
            return ()
        strays = []
        for machine in machines:
            claim_key = Key("", machine.name)
            claim = reader.get(NODECLAIMS, claim_key)
            if claim is None or claim.metadata.uid != machine.claim_uid:
                uid = await self.live.uid_of(NODECLAIMS, claim_key)
                strays.append(Stray(machine=machine, uid=uid))
        return tuple(strays)

    def decide(self, observed: tuple[Stray, ...], now: datetime) -> Decision:
        """End those that are old enough. Pure."""
        orphans = [s.machine for s in observed if self._is_orphan(s, now)]
        return Decision(
            effects=tuple(Terminate(name=m.name, claim_uid=m.claim_uid) for m in orphans),
            notes=tuple(_tell(machine, self.cloud.name) for machine in orphans),
            requeue_after=_EVERY_SECONDS,
        )

    async def carry_out(self, effect: object) -> None:
        """End one machine; a refusal is told, and the next sweep tries again."""
        assert isinstance(effect, Terminate), f"{effect!r} is not for a sweep"
        found = facts(cloud=self.cloud.name, machine=effect.name, claim_uid=effect.claim_uid)
        try:
            await self.cloud.terminate(effect.name)
        except CloudFailure as failure:
            told = facts(machine=effect.name, reason=failure.reason, error=failure)
            logger.warning("an orphaned machine could not be ended", extra=told)
        else:
            logger.warning("orphaned machine ended", extra=found)

    def _is_orphan(self, stray: Stray, now: datetime) -> bool:
        machine = stray.machine
        if stray.uid == machine.claim_uid or machine.state == "deleting":
            return False
        born = machine.created_at
        return born is None or now - born >= self.settings.orphan_age


def _tell(machine: CloudMachine, cloud: str) -> Note:
    """An event under the name of the claim that is gone, where people would look for it."""
    meta = ObjectMeta(name=machine.name, uid=machine.claim_uid)
    about = Object(api_version=NODECLAIMS.api_version, kind=NODECLAIMS.kind, metadata=meta)
    said = (
        f"{cloud} has machine {machine.name} ({machine.instance_type}) for a NodeClaim that is gone"
    )
    return Note(
        about=about, type="Warning", reason="OrphanedMachine", message=f"{said}: it is ended"
    )


def _nobody(_: Object) -> tuple[Key, ...]:
    return ()
