"""One model under the transformers runtime: layers are laid over the GPUs of one node in turn.

Weights, then the cache and the activations of what is being computed grow as they are needed
(nothing is set aside as vLLM does), so a share of the memory stays free for the allocator.
"""

from dataclasses import dataclass

from kaito.base.quantity import MIB
from kaito.catalog.accelerator import Accelerator
from kaito.catalog.cache_layers import sequence_bytes
from kaito.catalog.preset import ModelFacts
from kaito.planner.adapters import adapter_bytes
from kaito.planner.memory import stage_layers, token_activation_bytes, weights_per_gpu
from kaito.planner.plan import MemoryShare, Parallelism, PlanRequest

UTILIZATION = 0.9
"""What is planned for; the rest is the allocator's, which splits blocks as lengths change."""
_ENGINE_BYTES = 640 * MIB
"""CUDA context and kernels."""
_LEAST_CONTEXT = 2048
_STEP = 16


@dataclass(frozen=True, slots=True)
class LayeredFit:
    """A model laid over some GPUs, with the longest sequence that they take."""

    gpus: int
    share: MemoryShare
    context_tokens: int
    concurrency: int


def layered_fit(request: PlanRequest, accelerator: Accelerator, gpus: int) -> LayeredFit:
    """The fewest GPUs that hold what is asked, else all of them with what they hold."""
    least = request.demand.pipeline_parallel or 1
    most = request.demand.pipeline_parallel or gpus
    found = _laid_over(request, accelerator, least)
    for count in range(least + 1, most + 1):
        if holds(request, found):
            break
        found = _laid_over(request, accelerator, count)
    return found


def holds(request: PlanRequest, fit: LayeredFit) -> bool:
    """Whether the fit takes the context and the requests that are asked for."""
    concurrency = request.demand.concurrency or 1
    return fit.context_tokens >= wanted_context(request) and fit.concurrency >= concurrency


def wanted_context(request: PlanRequest) -> int:
    """The demanded context, else the least that is worth starting."""
    return request.demand.context_tokens or min(request.facts.context_tokens, _LEAST_CONTEXT)


def _laid_over(request: PlanRequest, accelerator: Accelerator, gpus: int) -> LayeredFit:
    facts, demand = request.facts, request.demand
    weights = weights_per_gpu(facts, Parallelism(pipeline=gpus)).total
    usable = int(accelerator.memory_bytes * UTILIZATION)
    adapters = adapter_bytes(facts, Parallelism(pipeline=gpus), demand)
    room = usable - weights - _ENGINE_BYTES - adapters
    sequences = demand.concurrency or 1
    most = demand.context_tokens or facts.context_tokens
    context = longest_context(facts, room, most, gpus=gpus, sequences=sequences)
    activations = context * token_activation_bytes(facts, 1)
    share = MemoryShare(
        total=accelerator.memory_bytes,
        usable=usable,
        weights=weights,
        activations=activations,
        graphs=0,
        engine=_ENGINE_BYTES,
        cache=room - activations,
        adapters=adapters,
    )
    each = held_bytes(facts, context, gpus)
    return LayeredFit(gpus, share, context, share.cache // each if context else 0)


def held_bytes(facts: ModelFacts, context: int, gpus: int) -> int:
    """Cache of one sequence on the fullest GPU."""
    whole = context * facts.kv_bytes_per_token
    if facts.cache:
        whole = sequence_bytes(facts.cache, context)
    share = stage_layers(facts, gpus) / facts.layers if facts.layers else 1 / gpus
    return max(int(whole * share), 1)


def longest_context(
    facts: ModelFacts, room: int, most: int, *, gpus: int = 1, sequences: int = 1
) -> int:
    """The longest sequence whose cache and activations fit into `room`, at most `most`."""

    def fits(context: int) -> bool:
        cache = held_bytes(facts, context, gpus) * sequences
        return cache + context * token_activation_bytes(facts, 1) <= room

    if fits(most):
        return most
    low, high = 0, -(-most // _STEP)
    while low < high - 1:
        middle = (low + high) // 2
        if fits(middle * _STEP):
            low = middle
        else:
            high = middle
    return low * _STEP
