"""KAITO 0.12's node estimator, term by term (spec section 2.3), with its own figures of a model.

Only `--compat kaito-0.12` asks for it: its overheads are constants, every layer counts as full
attention, an exact multiple counts one GPU too many, and requests in flight do not count.
"""

import math

from kaito.base.quantity import GIB, format_gib
from kaito.catalog.instance_type import InstanceType
from kaito.catalog.preset import Preset
from kaito.planner.devices import is_sliced
from kaito.planner.plan import INSUFFICIENT_MEMORY, INVALID_DEMAND, Refusal

DEFAULT_CONTEXT = 2048
"""Tokens it plans for when the configuration does not say."""
_UTILIZATION = 0.84
_EXPANSION = 1.02
_BASE_BYTES = 2.3 * GIB
_WASTE = 1.05


def kaito_node_count(
    preset: Preset, instance: InstanceType, *, context: int = DEFAULT_CONTEXT
) -> int | Refusal:
    """The nodes that KAITO 0.12 asks for, or its refusal of a GPU that is too small."""
    figures = preset.kaito
    if figures is None:
        return Refusal(
            INVALID_DEMAND,
            f"{preset.name} is not in KAITO 0.12's catalogue, so it has no count of nodes",
        )
    # Of a node cut into slices a pod gets one.
    gpus = 1 if is_sliced(instance.accelerator) else instance.gpus
    available = instance.kaito_gpu_memory_bytes / instance.gpus * _UTILIZATION
    reserved = _BASE_BYTES + context * figures.bytes_per_token / gpus
    if available <= reserved:
        return Refusal(
            INSUFFICIENT_MEMORY,
            f"GPU memory {format_gib(int(available))} of {instance.name} is too small: "
            f"{format_gib(int(reserved))} are reserved before the weights of {preset.name}",
        )
    each = (available - reserved) / _WASTE
    least = int(figures.size_bytes * _EXPANSION / each) + 1
    nodes = math.ceil(least / gpus)
    if nodes > 1 and is_sliced(instance.accelerator):
        return Refusal(
            INSUFFICIENT_MEMORY,
            f"{preset.name} needs {format_gib(int(least * each))} but the MIG slice of "
            f"{instance.name} only provides {format_gib(int(each))}",
        )
    return nodes
