"""Whether this machine takes a pod, and which of its GPUs the pod gets. GPUs are data.

Pure. CPUs and memory belong to the machine, so every pod on it counts, whatever node it is bound
to; GPUs belong to the node. The scheduler asks the same questions first: a refusal here means that
someone bound a pod by hand.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from kaito.api import core, labels
from kaito.local.builtin.scheduler.amounts import Amounts, requested, total
from kaito.local.node.errors import NodeError
from kaito.local.node.lifecycle.facts import Block
from kaito.local.node.pod import WatchedPod

_SHARED = ("cpu", "memory")
_DRIVER = Path("/proc/driver/nvidia/gpus")


def observe_gpus(driver: Path = _DRIVER) -> int:
    """How many NVIDIA GPUs the driver knows; 0 without one."""
    return len(list(driver.iterdir())) if driver.is_dir() else 0


def amounts_of(pod: WatchedPod) -> Amounts:
    """What a pod asks for; `NodeError` when that cannot be read."""
    try:
        return requested(msgspec.convert({"spec": pod.spec}, core.Pod))
    except (msgspec.ValidationError, ValueError) as error:
        raise NodeError(f"pod {pod.key} cannot be run: {error}") from error


def plan_admission(
    asked: Amounts, offered: Amounts, *, on_machine: Iterable[Amounts], on_node: Iterable[Amounts]
) -> Block | None:
    """Why the pod is refused, or None; `on_machine` and `on_node` are the other pods there."""
    shared, own = total(on_machine), total(on_node)
    for name, amount in sorted(asked.items()):
        used = (shared if name in _SHARED else own).get(name, 0)
        offer = offered.get(name, 0)
        if amount and used + amount > offer:
            return Block(
                reason=f"OutOf{name}",
                message=f"Pod was rejected: Node didn't have enough resource: {name}, "
                f"requested: {amount}, used: {used}, capacity: {offer}",
            )
    return None


def plan_gpus(asked: Amounts, machine_gpus: int, *, taken: Iterable[int]) -> tuple[int, ...]:
    """The GPUs that a pod gets, by index; fewer than asked for where the machine lacks them.

    An emulated node may offer GPUs that the machine does not have: then there is nothing to give,
    and the pod runs on what there is.
    """
    held = set(taken)
    free = [index for index in range(machine_gpus) if index not in held]
    return tuple(free[: asked.get(labels.NVIDIA_GPU, 0)])


def plan_device_environment(gpus: tuple[int, ...], machine_gpus: int) -> Mapping[str, str]:
    """What tells programs which GPUs are theirs; nothing on a machine without any."""
    if machine_gpus == 0:
        return {}
    listed = ",".join(str(index) for index in gpus)
    return {"CUDA_VISIBLE_DEVICES": listed, "NVIDIA_VISIBLE_DEVICES": listed or "void"}
