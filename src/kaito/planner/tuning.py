"""The plan of a tuning job: on how many GPUs of its nodes, in how much memory; or why not. Pure.

The nodes are as many as the workspace asks for. Several GPUs each take samples of their own where
the model fits on one of them, and share the model (FSDP) where it does not. A refusal says what
would fit instead: qlora, a smaller batch, more nodes, the cheapest larger machine.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from kaito.base.quantity import format_gib
from kaito.catalog.instance_type import InstanceType
from kaito.catalog.instances import INSTANCE_TYPES
from kaito.planner.devices import Device, devices_of
from kaito.planner.machine import Machine
from kaito.planner.plan import GPU_RESOURCE, INSUFFICIENT_MEMORY, UNSUPPORTED_ACCELERATOR, Refusal
from kaito.planner.startup import disk_bytes
from kaito.planner.tuning_fit import (
    REQUESTABLE,
    TuningFit,
    TuningRequest,
    find_fit,
    lacks_main_memory,
    main_memory,
    most_shards,
    room_of,
    ways,
)
from kaito.planner.tuning_memory import (
    TuningDemand,
    TuningShare,
    results_bytes,
    share_on_gpu,
    share_on_machine,
)

DEFAULT_RANK = 16
DEFAULT_BATCH = 8
_SEQUENCE_ON_GPU = 1024
"""Tokens of a sample, where the settings name none and the model takes as many."""
_SEQUENCE_ON_MACHINE = 512
_LARGE_SHARE = 2
"""One job takes at most one part of so many of a machine, unless it needs more."""
_MORE_NODES = (2, 4, 8)
"""Node counts that a refusal tries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningPlan:
    """What to train on."""

    instance: InstanceType | None = None
    """None: a machine without a GPU."""
    nodes: int = 1
    """That train together."""
    gpus: int = 0
    """Of each node."""
    gpu_resource: str = GPU_RESOURCE
    shards: int = 1
    """GPUs, of all nodes, that hold one copy of the model together."""
    checkpointing: bool = False
    share: TuningShare
    """Of one GPU, or of the machine."""
    memory_bytes: int
    """Main memory that each node's pod needs."""
    disk_bytes: int
    working: tuple[str, ...]

    @property
    def summary(self) -> str:
        """One line for an event."""
        where = "this machine" if self.instance is None else self.instance.name
        gpus = f", {self.gpus} GPU{'s' if self.gpus > 1 else ''}" if self.gpus else ""
        if self.nodes > 1:
            where, gpus = f"{self.nodes} nodes of {where}", f"{gpus} each" if gpus else ""
        return f"tuning on {where}{gpus}: {self.working[-1]}"


def plan_tuning_on_machine(request: TuningRequest, machine: Machine) -> TuningPlan | Refusal:
    """The plan for a machine without a GPU, whatever instance type is asked for."""
    demand = _settled(request, _SEQUENCE_ON_MACHINE)
    room = machine.allocatable_bytes // request.nodes
    for checkpointing in ways(demand):
        share = share_on_machine(request.facts, demand, checkpointing=checkpointing)
        is_last = checkpointing is _least(demand)
        if share.total <= (room if is_last else room // _LARGE_SHARE):
            return TuningPlan(
                nodes=request.nodes,
                checkpointing=checkpointing,
                share=share,
                memory_bytes=share.total,
                disk_bytes=_disk(request, demand),
                working=_working(request, share, demand, f"{format_gib(room)} on {machine.name}"),
            )

    def fits(other: TuningDemand) -> bool:
        shares = (share_on_machine(request.facts, other, checkpointing=c) for c in ways(other))
        return any(share.total <= room for share in shares)

    least = share_on_machine(request.facts, demand, checkpointing=_least(demand))
    has = f"machine {machine.name} has {format_gib(machine.allocatable_bytes)} for workloads"
    if request.nodes > 1:
        has += f", {format_gib(room)} for each of {request.nodes} nodes"
    return _refusal(request, least, has, (_smaller(demand, fits),))


def plan_tuning_on_gpus(request: TuningRequest) -> TuningPlan | Refusal:
    """The plan for the request's nodes, of its instance type."""
    instance = request.instance
    if instance is None:
        return Refusal("UnknownNodes", f"{request.preset.name}: no machine is known to tune it on")
    found = _plan_on(request, instance)
    if found is not None:
        return found
    if instance.accelerator.runtime is None:
        message = f"{instance.name} has {instance.gpu}, which nothing of ours trains on"
        return Refusal(UNSUPPORTED_ACCELERATOR, f"{message}; {_larger(request)}")
    demand, device = _settled(request, _SEQUENCE_ON_GPU), devices_of(instance)[-1]
    shards = most_shards(request, demand, device)
    least = share_on_gpu(request.facts, demand, shards=shards, checkpointing=_least(demand))
    each = f"{format_gib(room_of(device))} to use"
    has = f"{instance.name} has {device.count} x {device.accelerator.name} with {each}"
    if request.nodes > 1:
        has = f"{request.nodes} nodes: {has}"
    if shards > 1 and (main := lacks_main_memory(request, demand, device.count)):
        can = format_gib(int((instance.memory_bytes or 0) * REQUESTABLE))
        has += f", and for checkpoints {format_gib(main)} of main memory where pods get {can}"
    smaller = _smaller(demand, lambda other: find_fit(request, other, device) is not None)
    return _refusal(request, least, has, (smaller, _more_nodes(request), _larger(request)))


def tell_smaller(request: TuningRequest) -> str:
    """The least change of the settings that takes a quarter less, for a job that ran out of memory.

    Of main memory, for a job that runs out of a GPU's says so itself. Empty where none does.
    """
    demand = _settled(request, _SEQUENCE_ON_MACHINE)
    # Left to the trainer, it was without: what was seen to be too much was not foreseen.
    demand = replace(demand, checkpointing=demand.checkpointing is True)

    def total(other: TuningDemand) -> int:
        return share_on_machine(request.facts, other, checkpointing=_least(other)).total

    enough = total(demand) * 3 // 4
    return _smaller(demand, lambda other: total(other) <= enough)


def _settled(request: TuningRequest, tokens: int) -> TuningDemand:
    """The demand with the trainer's own choice in place of what is left to it."""
    demand = request.demand
    return replace(
        demand,
        rank=demand.rank or DEFAULT_RANK,
        batch=demand.batch or DEFAULT_BATCH,
        sequence_tokens=min(demand.sequence_tokens or tokens, request.facts.context_tokens),
    )


def _plan_on(request: TuningRequest, instance: InstanceType) -> TuningPlan | None:
    if instance.accelerator.runtime is None:
        return None
    # It may be another one than the request's, to be told of.
    request = replace(request, instance=instance)
    demand = _settled(request, _SEQUENCE_ON_GPU)
    for device in devices_of(instance):
        fit = find_fit(request, demand, device)
        if fit is not None:
            return _plan(request, demand, instance, device, fit)
    return None


def _plan(
    request: TuningRequest,
    demand: TuningDemand,
    instance: InstanceType,
    device: Device,
    fit: TuningFit,
) -> TuningPlan:
    memory = main_memory(request.facts, demand, gpus=fit.gpus, shards=fit.shards)
    if instance.memory_bytes:
        memory = min(memory, int(instance.memory_bytes * REQUESTABLE))
    room = f"{format_gib(room_of(device))} of {device.accelerator.name}"
    spread = f" each, the model shared by {fit.shards} GPUs" if fit.shards > 1 else ""
    return TuningPlan(
        instance=instance,
        nodes=request.nodes,
        gpus=fit.gpus,
        gpu_resource=device.resource,
        shards=fit.shards,
        checkpointing=fit.checkpointing,
        share=fit.share,
        memory_bytes=memory,
        disk_bytes=_disk(request, demand),
        working=_working(request, fit.share, demand, f"{room}{spread}"),
    )


def _least(demand: TuningDemand) -> bool:
    """Whether the smallest way has checkpointing."""
    return demand.checkpointing is not False


def _disk(request: TuningRequest, demand: TuningDemand) -> int:
    """Of each node; what is on a volume is not its own."""
    kept = results_bytes(request.facts, demand) if request.results_on_node else 0
    return disk_bytes(request.facts.weights_bytes) + kept


def _working(
    request: TuningRequest, share: TuningShare, demand: TuningDemand, room: str
) -> tuple[str, ...]:
    tokens = f"{demand.batch} samples of {demand.sequence_tokens} tokens at a time"
    where = "on the node" if request.results_on_node else "on the output volume"
    results = format_gib(results_bytes(request.facts, demand))
    return (
        f"{demand.method}, {tokens}",
        share.in_words(),
        f"checkpoints and result take up to {results} {where}",
        f"needed {format_gib(share.total)} of {room}",
    )


def _refusal(
    request: TuningRequest, share: TuningShare, has: str, advice: tuple[str, ...]
) -> Refusal:
    then = "; ".join(filter(None, advice)) or "choose a smaller model: kaito models list"
    return Refusal(
        INSUFFICIENT_MEMORY,
        f"{request.demand.method} of {request.preset.name} needs {format_gib(share.total)} "
        f"({share.in_words()}); {has}; {then}",
    )


def _smaller(demand: TuningDemand, fits: Callable[[TuningDemand], bool]) -> str:
    """The least change of the settings that would fit."""
    other = replace(demand, checkpointing=None)
    tokens = max(demand.sequence_tokens // 2, 1)
    for text, changed in (
        ("gradient_checkpointing: true", other),
        ("per_device_train_batch_size: 1", replace(other, batch=1)),
        ("method: qlora", replace(other, method="qlora")),
        ("method: lora", replace(other, method="lora") if demand.method == "qlora" else demand),
        ("method: qlora with per_device_train_batch_size: 1",
         replace(other, method="qlora", batch=1)),
        (f"method: qlora with per_device_train_batch_size: 1 and max_length: {tokens}",
         replace(other, method="qlora", batch=1, sequence_tokens=tokens)),
    ):  # fmt: skip
        if changed != demand and fits(changed):
            return f"{text} would fit"
    return ""


def _more_nodes(request: TuningRequest) -> str:
    """How many nodes of this type would do."""
    for nodes in _MORE_NODES:
        more = replace(request, nodes=nodes)
        if nodes > request.nodes and request.instance and _plan_on(more, request.instance):
            return f"resource.count: {nodes} would fit"
    return ""


def _larger(request: TuningRequest) -> str:
    """The cheapest machine of the same cloud that would do."""
    own = request.instance.cloud if request.instance else None
    found = [
        (instance.price.usd_per_hour if instance.price else Decimal("Infinity"), instance.name)
        for instance in INSTANCE_TYPES
        if instance.cloud == own and _plan_on(request, instance) is not None
    ]
    if not found:
        return ""
    price, name = min(found)
    cost = f"{price:.2f} USD/h" if price.is_finite() else "price unknown"
    return f"cheapest that fits: {name} ({cost})"
