"""What the provisioner wants of a cloud, as data."""

from dataclasses import dataclass

from kaito.cloud.failure import CloudFailure
from kaito.cloud.port import MachineRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Have a machine made."""

    request: MachineRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminate:
    """Have a machine ended."""

    name: str
    claim_uid: str
    """Of the claim on whose behalf."""
    because: CloudFailure | None = None
    """The failure of the machine itself, where that is why: its claim then waits to ask again."""
