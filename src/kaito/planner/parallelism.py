"""Over which GPUs a model may be spread, the fewest first; and which demands contradict it.

Tensor parallelism splits matrices and so needs heads that divide; the pipeline splits layers and
only needs enough of them. Within a node the former comes first, it answers sooner; between nodes
only the latter is used, it sends little. Copies (data parallelism) are made on demand only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from kaito.catalog.preset import ModelFacts
from kaito.planner.plan import Demand, Parallelism

MOST_NODES = 8
"""Nodes that are tried when the user says nothing; a longer pipeline is mostly waiting."""
_POWERS = (128, 64, 32, 16, 8, 4, 2, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One way to lay all copies of a model over nodes."""

    parallelism: Parallelism
    nodes: int = 1
    gpus_per_node: int = 1


@lru_cache(maxsize=512)
def spreads(
    facts: ModelFacts, demand: Demand, gpus: int, *, most_nodes: int = MOST_NODES
) -> tuple[Spread, ...]:
    """Ways that the demand leaves open on nodes of that many GPUs, smaller ones first."""
    copies = demand.data_parallel or 1
    within = (_within(facts, demand, count, copies) for count in _sizes(demand, gpus // copies))
    found = tuple(way for way in within if way)
    if copies > 1 or most_nodes == 1:
        return found
    return (*found, *_across(facts, demand, gpus, most_nodes))


def _sizes(demand: Demand, most: int) -> tuple[int, ...]:
    """GPUs of one copy that are tried on one node."""
    if demand.tensor_parallel and demand.pipeline_parallel:
        exact = demand.tensor_parallel * demand.pipeline_parallel
        return (exact,) if exact <= most else ()
    step = demand.tensor_parallel or demand.pipeline_parallel or 1
    sizes = {step * power for power in _POWERS} | {most // step * step}
    return tuple(sorted(size for size in sizes if 0 < size <= most))


def _within(facts: ModelFacts, demand: Demand, count: int, copies: int) -> Spread | None:
    """One copy on `count` GPUs of a node: with as much tensor parallelism as its heads allow."""
    pipeline = demand.pipeline_parallel
    tensor = demand.tensor_parallel or (count // pipeline if pipeline else 0)
    tensor = tensor or _widest(facts, count)
    pipeline = count // tensor
    if tensor * pipeline != count or not _is_possible(facts, tensor, pipeline):
        return None
    chosen = Parallelism(tensor=tensor, pipeline=pipeline, data=copies)
    return Spread(parallelism=chosen, gpus_per_node=chosen.gpus)


def _across(facts: ModelFacts, demand: Demand, gpus: int, most_nodes: int) -> Iterator[Spread]:
    """One copy on several nodes, each with the same stages of the pipeline."""
    tensor = demand.tensor_parallel or _widest(facts, gpus, exact=False)
    if demand.pipeline_parallel:
        stages = demand.pipeline_parallel
        counts: tuple[int, ...] = tuple(n for n in range(2, stages + 1) if stages % n == 0)
    else:
        stages, counts = 0, tuple(range(2, most_nodes + 1))
    for nodes in counts:
        each = stages // nodes if stages else gpus // tensor
        if each * tensor > gpus or not each or not _is_possible(facts, tensor, each * nodes):
            continue
        chosen = Parallelism(tensor=tensor, pipeline=each * nodes)
        yield Spread(parallelism=chosen, nodes=nodes, gpus_per_node=each * tensor)
        if stages:
            return


def _widest(facts: ModelFacts, count: int, *, exact: bool = True) -> int:
    """The most ranks, a power of two or all GPUs, that the heads allow and `count` holds."""
    for size in (count, *_POWERS):
        if size <= count and not (exact and count % size) and facts.can_split(size):
            return size
    return 1


def _is_possible(facts: ModelFacts, tensor: int, pipeline: int) -> bool:
    return facts.can_split(tensor) and (pipeline == 1 or pipeline <= facts.layers)


def contradiction(facts: ModelFacts, demand: Demand, gpus: int) -> str:
    """Why the demanded parallelism is impossible on nodes of that many GPUs; empty if it is not."""
    tensor, copies = demand.tensor_parallel or 1, demand.data_parallel or 1
    pipeline = demand.pipeline_parallel or 1
    counted = "1 GPU" if gpus == 1 else f"{gpus} GPUs"
    if not facts.can_split(tensor):
        return (
            f"tensor-parallel-size {tensor} does not divide the model's heads "
            f"({_heads(facts)}); it can be {_choices(facts, gpus)}"
        )
    if facts.layers and pipeline > facts.layers:
        return f"pipeline-parallel-size {pipeline} is more than the model's {facts.layers} layers"
    if tensor > gpus:
        return f"tensor-parallel-size {tensor} is more than the {counted} of one node"
    product = tensor * pipeline * copies
    if copies > 1 and product > gpus:
        return (
            f"tensor-parallel-size {tensor} x pipeline-parallel-size {pipeline} x "
            f"data-parallel-size {copies} = {product} GPUs, more than the {counted} of one node, "
            "and copies are not spread over nodes: ask for more workspaces instead"
        )
    return ""


def _heads(facts: ModelFacts) -> str:
    groups = sorted({group.kv_heads for group in facts.cache if hasattr(group, "kv_heads")})
    keys = f", {'/'.join(map(str, groups))} of keys and values" if groups else ""
    return f"{facts.attention_heads} of queries{keys}"


def _choices(facts: ModelFacts, gpus: int) -> str:
    able = [str(size) for size in range(1, max(gpus, 8) + 1) if facts.can_split(size)]
    return ", ".join(able[:-1]) + " or " + able[-1] if len(able) > 1 else able[0]
