"""PersistentVolumeClaims: bound as soon as they exist.

On one machine a claim is a folder, which the node agent makes when a pod first mounts it. So there
is nothing to provision, no PersistentVolume, and nothing to wait for.
"""

from datetime import datetime
from typing import Any

from kaito.api.meta import Key
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch, its_own_key
from kaito.local.builtin.kinds import CLAIMS, ClaimStatus, PersistentVolumeClaim
from kaito.local.builtin.status import status_write


class ClaimController:
    """Watches claims."""

    name = "persistentvolume-binder"
    watches: tuple[Watch[Any], ...] = (Watch(CLAIMS, its_own_key),)

    async def observe(self, reader: Reader, key: Key) -> PersistentVolumeClaim | None:
        """The claim itself is all there is to know."""
        return reader.get(CLAIMS, key)

    def decide(self, observed: PersistentVolumeClaim, now: datetime) -> Decision:
        """Pure; see `decide_claim`."""
        del now
        return decide_claim(observed)


def decide_claim(claim: PersistentVolumeClaim) -> Decision:
    """Report the claim as bound, with all that it asks for."""
    status = ClaimStatus(
        phase="Bound",
        access_modes=claim.spec.access_modes,
        capacity=dict(claim.spec.resources.get("requests") or {}),
    )
    return Decision(status=status_write(CLAIMS, claim, status))
