"""What a contract test may do to a cloud behind the port's back."""

from dataclasses import dataclass
from typing import Protocol

from kaito.api.core import Taint
from kaito.cloud.failure import FailureKind
from kaito.cloud.port import Cloud, MachineRequest, MachineState


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One error as the service words it, and what it has to be taken for."""

    kind: FailureKind
    words: str
    status: int = 400
    code: str = ""


class Bench(Protocol):
    """One cloud with its service stood in for."""

    @property
    def cloud(self) -> Cloud:
        """The port under test."""
        ...

    @property
    def instance_type(self) -> str:
        """A type that the cloud has."""
        ...

    def refuse(self, error: Recorded, *, times: int = 1) -> None:
        """Have the next calls answered with an error."""
        ...

    def go_silent(self) -> None:
        """Have the service not answer at all from now on."""
        ...

    def set_state(self, name: str, state: MachineState, why: Recorded | None = None) -> None:
        """What the service did to a machine by itself."""
        ...

    def remove(self, name: str) -> None:
        """A machine that vanishes."""
        ...

    def remove_cluster(self) -> None:
        """The cluster itself is gone, or is called something else."""
        ...

    def add_foreign(self, name: str) -> None:
        """A group that somebody else made."""
        ...

    def created(self) -> int:
        """How many groups were really created."""
        ...


def request(bench: Bench, name: str = "ws1a2b3c4d5", **changes: object) -> MachineRequest:
    """A usual request."""
    usual: dict[str, object] = {
        "name": name,
        "claim_uid": "0f3b9a52-6c1d-4c5e-9d6f-2f1e8f0a7b11",
        "instance_type": bench.instance_type,
        "labels": {"kaito.sh/workspace": "phi", "karpenter.sh/nodepool": "kaito"},
        "taints": (Taint(key="sku", value="gpu"),),
        "disk_gib": 107,
        "gpus": 1,
    }
    return MachineRequest(**{**usual, **changes})  # type: ignore[arg-type]
