"""A model together with its plan: what every part of the pods that serve it follows from."""

from dataclasses import dataclass

from kaito.base.quantity import GIB
from kaito.catalog.accelerator import Accelerator
from kaito.catalog.preset import Preset
from kaito.planner.plan import Plan
from kaito.render.adapters import NO_ADAPTERS, AdapterMounts

_DISK_OVER_WEIGHTS = 80 * GIB
"""Disk a node needs besides the weights, as KAITO 0.12 (spec section 3.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmeVolume:
    """A claim on a machine's own NVMe disks."""

    storage_class: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorVolume:
    """A volume with the weights in it, as a pod mounts it."""

    claim: str
    path: str = ""
    """Folder of the volume with the model's files; empty: its root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorBucket:
    """A bucket with the weights in it, as a pod reads it."""

    source: str
    """An `s3://` source, as `kaito.api.weight_source` spells it."""
    secret: str = ""
    """The Secret with the login, in the pod's namespace; empty: whatever the pod has."""
    account: str = ""
    """The ServiceAccount whose login it is; empty: nobody's in particular."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A preset with the plan it runs by."""

    preset: Preset
    plan: Plan
    weights_bytes: int
    trusts_remote_code: bool = False
    """Whether the user allowed the Python that comes with the weights to run."""
    nvme: NvmeVolume | None = None
    """Where the weights go; None: on the node's system disk, or where the settings say."""
    mirror: MirrorVolume | None = None
    """Where the weights are already; None: they are fetched."""
    bucket: MirrorBucket | None = None
    """Where they are fetched from; None: from the image, the hub or the package."""
    adapters: AdapterMounts = NO_ADAPTERS
    """What its pods have for adapters."""

    @property
    def accelerator(self) -> Accelerator | None:
        """What the pods compute on; None on a machine without a GPU."""
        on_gpus = self.plan.instance is not None and self.plan.gpus_per_node
        return self.plan.instance.accelerator if self.plan.instance and on_gpus else None

    @property
    def disk_bytes(self) -> int:
        """Disk of one node."""
        return self.plan.disk_bytes or self.weights_bytes + _DISK_OVER_WEIGHTS

    @property
    def start_seconds(self) -> int:
        """What loading that much may take before a start counts as failed (spec section 2.5)."""
        return min(max(15 * 60 + 18 * (self.weights_bytes // GIB), 30 * 60), 180 * 60)
