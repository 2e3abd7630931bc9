"""What a pod can ask an instance type for: whole GPUs or one slice of one."""

from dataclasses import dataclass, replace

from kaito.catalog.accelerator import Accelerator
from kaito.catalog.accelerators import find_accelerator
from kaito.catalog.instance_type import InstanceType
from kaito.planner.plan import GPU_RESOURCE

_SLICE = 0.9
"""A GPU with less than this of the memory that its kind has is a slice of one."""


@dataclass(frozen=True, slots=True)
class Device:
    """GPUs or slices of one kind that a pod can ask for."""

    accelerator: Accelerator
    count: int
    """The most that one pod can use together."""
    resource: str = GPU_RESOURCE
    is_slice: bool = False


def devices_of(instance: InstanceType) -> tuple[Device, ...]:
    """Slices first, the smallest first: a whole GPU for a small model wastes the rest of it."""
    own = instance.accelerator
    if not instance.mig:
        return (_whole(own, instance.gpus),)
    parts = [
        Device(
            replace(own, name=f"{own.name} {each.profile.name}", memory_bytes=each.memory_bytes),
            1,
            each.profile.resource,
            is_slice=True,
        )
        for each in sorted(instance.mig, key=lambda each: each.memory_bytes)
    ]
    return (*parts, _whole(own, instance.gpus))


def is_sliced(accelerator: Accelerator) -> bool:
    """Whether what a node labels as a GPU is a slice of one."""
    known = find_accelerator(accelerator.name)
    return known is not None and accelerator.memory_bytes < known.memory_bytes * _SLICE


def _whole(accelerator: Accelerator, count: int) -> Device:
    if is_sliced(accelerator):
        # The single MIG strategy labels a slice as a GPU. Slices do not reach each other's memory,
        # so nothing is spread over them.
        return Device(accelerator, 1, is_slice=True)
    return Device(accelerator, count)
