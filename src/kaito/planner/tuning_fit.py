"""On how many GPUs a tuning job fits: each with a copy of the model, or all with one. Pure.

Where one GPU holds the model, each GPU has a copy and samples of its own. Where it does not, all
GPUs of all nodes hold one together (FSDP). Not with qlora: the libraries keep its 4-bit weights
whole on each GPU.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from kaito.base.quantity import GIB
from kaito.catalog.instance_type import InstanceType
from kaito.catalog.preset import ModelFacts, Preset
from kaito.planner.devices import Device
from kaito.planner.tuning_memory import (
    TuningDemand,
    TuningShare,
    checkpoint_bytes,
    share_on_gpu,
)

PROCESS_BYTES = 6 * GIB
"""Main memory of one process: Python, CUDA's host side, the data set's share."""
REQUESTABLE = 0.8
"""Share of a node's memory that pods can ask for."""
_USABLE = 0.95
"""Share of a GPU that is planned for: drivers and other programs have some of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRequest:
    """One model, one kind of machine, one job's settings."""

    preset: Preset
    facts: ModelFacts
    instance: InstanceType | None = None
    """None: this machine, or nobody knows."""
    nodes: int = 1
    """How many of it train together."""
    demand: TuningDemand = field(default_factory=TuningDemand)
    results_on_node: bool = True
    """Whether checkpoints and the result lie on the node's own disk, and not on a volume."""
    takes_all_gpus: bool = True
    """Whether the node is the job's alone; on shared nodes it takes as few GPUs as will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningFit:
    """What one way of spreading a job over GPUs comes to."""

    gpus: int
    """Of each node."""
    shards: int
    """GPUs, of all nodes, that hold one copy together."""
    checkpointing: bool
    share: TuningShare
    """Of one GPU."""


def find_fit(request: TuningRequest, demand: TuningDemand, device: Device) -> TuningFit | None:
    """The fewest GPUs that do, without checkpointing where that does."""
    for gpus, shards in _spreads(request, demand, device):
        if shards > 1 and lacks_main_memory(request, demand, gpus):
            continue
        for checkpointing in ways(demand):
            share = share_on_gpu(request.facts, demand, shards=shards, checkpointing=checkpointing)
            if share.total <= room_of(device):
                return TuningFit(
                    gpus=gpus,
                    shards=shards,
                    checkpointing=checkpointing,
                    share=share,
                )
    return None


def most_shards(request: TuningRequest, demand: TuningDemand, device: Device) -> int:
    """The most GPUs that can hold one copy together."""
    return max(shards for _, shards in _spreads(request, demand, device))


def main_memory(facts: ModelFacts, demand: TuningDemand, *, gpus: int, shards: int) -> int:
    """Main memory of one node's pod: each process reads what it holds, and nothing else.

    Of a model that is shared and trained whole, the first gathers all for a checkpoint.
    """
    memory = max(gpus * PROCESS_BYTES, facts.weights_bytes + PROCESS_BYTES)
    return memory if shards == 1 else memory + checkpoint_bytes(facts, demand)


def lacks_main_memory(request: TuningRequest, demand: TuningDemand, gpus: int) -> int:
    """How much a shared model needs, where the machine is known to have less; else 0."""
    instance = request.instance
    if instance is None or not instance.memory_bytes or demand.method != "full":
        return 0
    needed = main_memory(request.facts, demand, gpus=gpus, shards=2)
    return needed if needed > int(instance.memory_bytes * REQUESTABLE) else 0


def ways(demand: TuningDemand) -> Iterator[bool]:
    """With and without computing activations again, as far as that is left to us."""
    if demand.checkpointing is None:
        yield from (False, True)
    else:
        yield demand.checkpointing


def room_of(device: Device) -> int:
    """Bytes of one GPU that are planned for."""
    return int(device.accelerator.memory_bytes * _USABLE)


def _spreads(
    request: TuningRequest, demand: TuningDemand, device: Device
) -> Iterator[tuple[int, int]]:
    """GPUs of each node and GPUs that hold one copy together, the fewest first."""
    yield device.count if request.takes_all_gpus else 1, 1
    # Slices of GPUs do not reach each other.
    if demand.method == "qlora" or device.is_slice:
        return
    counts = (device.count,) if request.takes_all_gpus else range(1, device.count + 1)
    yield from ((gpus, gpus * request.nodes) for gpus in counts if gpus * request.nodes > 1)
