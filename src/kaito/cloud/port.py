"""What the provisioner needs of a cloud: make a machine, look at it, end it, list them.

A machine is a group of exactly one node in the cloud's own managed node service (an agent pool, a
managed node group, a node pool) of the name of its NodeClaim. The service joins the node to the
cluster and puts the group's name on it as a label, which is how a node is told to be a machine's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from kaito.api.core import Taint
from kaito.cloud.failure import CloudFailure

MachineState = Literal["creating", "running", "deleting", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRequest:
    """One machine to be made."""

    name: str
    claim_uid: str
    """Of the NodeClaim it is for; kept with the machine."""
    instance_type: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    disk_gib: int = 0
    """Of the system disk; 0: as large as the cloud makes it."""
    image_family: str = ""
    """Operating system; empty: the cloud's usual one."""
    gpus: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudMachine:
    """One machine that there is, ours or somebody else's of that name."""

    name: str
    state: MachineState
    claim_uid: str = ""
    """Of the NodeClaim it was made for; empty: this provisioner did not make it."""
    instance_type: str = ""
    created_at: datetime | None = None
    """None: the cloud does not say."""
    failure: CloudFailure | None = None
    """Why it failed, never None for a failed one; or what its making is held up by."""


class Cloud(Protocol):
    """One cloud, for one cluster. Everything raises `CloudFailure` and nothing else."""

    @property
    def name(self) -> str:
        """`azure`, `aws` or `gcp`."""
        ...

    @property
    def node_label(self) -> str:
        """The label that holds, on every node of the cluster, the name of its machine."""
        ...

    async def launch(self, request: MachineRequest) -> None:
        """Have a machine made; returns when the cloud has accepted. Nothing if the name exists."""
        ...

    async def find(self, name: str) -> CloudMachine | None:
        """The machine of that name as it is now, or None when the cloud is sure there is none."""
        ...

    async def list_machines(self) -> tuple[CloudMachine, ...]:
        """Every machine that we made for this cluster, whoever it was for, ordered by name."""
        ...

    async def terminate(self, name: str) -> None:
        """Have a machine ended; returns when the cloud has accepted. Nothing if there is none."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
