"""What one machine of a type has: accelerators, processors, memory, disk, network, price.

The clouds' tables are in `clouds`; `node_labels` makes the same value of a node's own labels.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from kaito.base.quantity import GIB
from kaito.catalog.accelerator import Accelerator, MigProfile
from kaito.catalog.preset import RuntimeName

Cloud = Literal["azure", "aws", "gcp", "arc", "on-premises"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an hour costs on demand, and who said so when."""

    usd_per_hour: Decimal
    region: str
    """One region's price stands for all; others differ by tens of per cent."""
    as_of: str
    """Date of the list, ISO 8601."""
    source: str
    """Public address of the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MigSlices:
    """Slices of one profile that a node offers."""

    profile: MigProfile
    count: int
    memory_bytes: int
    """Of one slice, as the driver reports it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """One kind of machine."""

    name: str
    cloud: Cloud
    accelerator: Accelerator
    gpus: int
    """Whole accelerators; of a node cut by the single MIG strategy, its slices."""
    vcpus: int = 0
    """0: unknown, here and in the four below."""
    memory_bytes: int = 0
    """Main memory."""
    disk_bytes: int = 0
    """Local disk that comes with it, all of them together."""
    has_nvme: bool = False
    """Whether that disk is NVMe."""
    network_gbit: int = 0
    """Gigabits a second to other machines, all adapters together."""
    has_nvlink: bool = False
    """Whether its GPUs reach each other without the PCIe bus, all or in pairs."""
    price: Price | None = None
    """None: no public list that can be named has it."""
    mig: tuple[MigSlices, ...] = ()
    """Slices it offers beside whole GPUs, by the mixed MIG strategy."""

    @property
    def gpu(self) -> str:
        """The accelerator's name."""
        return self.accelerator.name

    @property
    def gpu_memory_bytes(self) -> int:
        """Of all its accelerators together, as the driver reports it."""
        return self.gpus * self.accelerator.memory_bytes

    @property
    def kaito_gpu_memory_bytes(self) -> int:
        """The same as KAITO's tables have it: what is on the box, in GiB."""
        return self.gpus * self.accelerator.nominal_gib * GIB

    @property
    def runtime(self) -> RuntimeName | None:
        """The runtime of ours that serves on it, or None."""
        return self.accelerator.runtime
