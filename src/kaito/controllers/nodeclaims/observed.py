"""What a decision about one claim is made from."""

from dataclasses import dataclass

from kaito.api.core import Node, Pod
from kaito.api.meta import Condition
from kaito.api.nodeclaim import LAUNCHED, NodeClaim
from kaito.cloud.failure import CloudFailure
from kaito.cloud.port import CloudMachine
from kaito.controllers.nodeclaims.attempts import Attempt

MISSING = "MachineMissing"
VANISHED = "MachineVanished"
ENDING = "MachineEnding"
_HAD_MACHINE = frozenset({MISSING, VANISHED, ENDING})
"""Reasons of a Launched condition that is not True although there was a machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One claim, its machine as the cloud has it, and its node as the cluster has it."""

    claim: NodeClaim
    cloud: str
    """The cloud's name, for messages."""
    node_label: str
    machine: CloudMachine | None = None
    lookup: CloudFailure | None = None
    """Why the cloud did not say whether there is a machine."""
    node: Node | None = None
    pods: tuple[Pod, ...] = ()
    """Those on the node that must end before the machine does; only of a claim that goes away."""
    attempt: Attempt | None = None
    is_alive: bool = True
    """Whether the API server has that very claim; asked only where a machine may be made."""

    @property
    def name(self) -> str:
        """Of the claim and of its machine."""
        return self.claim.metadata.name

    @property
    def launched(self) -> Condition | None:
        """The condition as it is."""
        return self.claim.condition(LAUNCHED)

    @property
    def had_machine(self) -> bool:
        """Whether the claim was ever seen to have a machine."""
        found = self.launched
        return found is not None and (found.is_true or found.reason in _HAD_MACHINE)

    @property
    def own_machine(self) -> CloudMachine | None:
        """The machine, if it is this very claim's.

        One without an owner's mark is, too, where the claim had a machine before: it was made by
        another provisioner that served this class.
        """
        machine = self.machine
        if machine is None:
            return None
        is_adopted = not machine.claim_uid and self.had_machine
        return machine if machine.claim_uid == self.claim.metadata.uid or is_adopted else None
