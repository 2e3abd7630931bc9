"""One model on one instance type: the fewest GPUs whose memory meets what is asked.

Ways to spread the model are tried from one GPU on, each first with the engine's own batch sizes and
then with smaller ones, so that a larger GPU, whose batches are larger, never refuses what a smaller
one takes. The first that holds the context and the requests that are asked for is the plan.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kaito.catalog.accelerator import Accelerator
from kaito.planner.adapters import adapter_bytes
from kaito.planner.cache import BlockPool, CacheLayout, block_pool
from kaito.planner.devices import Device
from kaito.planner.engine_defaults import Batching, batching_of, in_flight_tokens, utilization_of
from kaito.planner.memory import activation_bytes, engine_bytes, graph_bytes, weights_per_gpu
from kaito.planner.parallelism import MOST_NODES, Spread, spreads
from kaito.planner.plan import MemoryShare, PlanRequest

LEAST_CONTEXT = 8192
"""Tokens a server takes at least, unless the model's or the demanded context is less."""
LEAST_REQUESTS = 2
"""Requests of that length it holds at least, unless another number is demanded."""
_SMALL = (256, 2048)
"""Sequences and tokens of a batch, the engine's own on smaller GPUs."""
_SMALLEST = (32, 1024)


@dataclass(frozen=True, slots=True)
class Need:
    """What a plan has to hold."""

    context_tokens: int
    sequences: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One spread with its memory counted."""

    spread: Spread
    share: MemoryShare
    replicated_bytes: int
    """Of the weights, what every rank of tensor parallelism holds."""
    batching: Batching
    pool: BlockPool
    utilization: float

    def holds(self, need: Need) -> bool:
        """Whether the cache of one GPU is large enough."""
        return self.share.cache >= self.needed_cache(need)

    def needed_cache(self, need: Need) -> int:
        """The smallest cache of one GPU that does."""
        copies = self.spread.parallelism.data
        return self.pool.bytes_for(need.context_tokens, -(-need.sequences // copies))


def need_of(request: PlanRequest) -> Need:
    """What the user demands, and where nothing is demanded what a server should at least hold."""
    context = request.demand.context_tokens or min(request.facts.context_tokens, LEAST_CONTEXT)
    least = 1 if request.demand.context_tokens else LEAST_REQUESTS
    return Need(context, request.demand.concurrency or least)


def element_bytes(request: PlanRequest) -> int:
    """Bytes of a cache element: as demanded, as the preset serves, as the checkpoint says."""
    wanted = request.demand.kv_cache_dtype
    if not wanted or wanted == "auto":
        served = request.preset.serving.kv_cache_dtype
        return (
            cache_element_bytes(served) if served != "auto" else request.facts.cache_element_bytes
        )
    return cache_element_bytes(wanted)


def cache_element_bytes(dtype: str) -> int:
    """Bytes of an element of that type, as vLLM spells it."""
    if dtype.startswith(("fp8", "int8")):
        return 1
    return 4 if dtype == "float32" else 2


def first_fit(request: PlanRequest, device: Device) -> Fit | None:
    """The first spread that holds what is needed."""
    need = need_of(request)
    least = request.facts.weights_bytes // max(device.accelerator.memory_bytes, 1)
    if least >= device.count * max(MOST_NODES, request.demand.pipeline_parallel):
        return None
    for spread, batching in _ways(request, device):
        if spread.parallelism.gpus > least:
            fit = fit_of(request, device.accelerator, spread, batching)
            if fit.holds(need):
                return fit
    return None


def closest_fit(request: PlanRequest, device: Device) -> Fit | None:
    """The spread that lacks least, to say what is short; None when there is no spread at all."""
    need = need_of(request)
    found = [fit_of(request, device.accelerator, *way) for way in _ways(request, device)]
    return max(found, key=lambda fit: fit.share.cache - fit.needed_cache(need), default=None)


def longest_context(request: PlanRequest, fit: Fit) -> int:
    """The longest sequence that the demanded number of requests can have at once."""
    sequences = max(-(-request.demand.concurrency // fit.spread.parallelism.data), 1)
    return fit.pool.longest_context(
        fit.share.cache, request.facts.context_tokens, sequences=sequences
    )


def widest_fit(request: PlanRequest, device: Device) -> Fit:
    """The spread over most GPUs of one node, with the engine's own batch sizes."""
    usual = batching_of(device.accelerator, request.demand)
    last = spreads(request.facts, request.demand, device.count, most_nodes=1)[-1]
    return fit_of(request, device.accelerator, last, usual)


def _ways(request: PlanRequest, device: Device) -> Iterator[tuple[Spread, Batching]]:
    """On one node with usual and with small batches, then with the smallest, then on several."""
    facts, demand = request.facts, request.demand
    usual = batching_of(device.accelerator, demand)
    small = batching_of(device.accelerator, demand, limits=_SMALL)
    # A slice's pod reaches no other GPU, on its own node or on another.
    nodes = 1 if device.is_slice else MOST_NODES
    several = []
    for way in spreads(facts, demand, device.count, most_nodes=nodes):
        if way.nodes > 1:
            several.append(way)
            continue
        yield way, usual
        if small != usual:
            yield way, small
    smallest = batching_of(device.accelerator, demand, limits=_SMALLEST)
    for way in spreads(facts, demand, device.count, most_nodes=1):
        yield way, smallest
    for way in several:
        yield way, small


def fit_of(
    request: PlanRequest, accelerator: Accelerator, spread: Spread, batching: Batching
) -> Fit:
    """The memory of the fullest GPU under that spread."""
    facts, parallel = request.facts, spread.parallelism
    utilization = utilization_of(accelerator, request.demand, has_peers=parallel.gpus > 1)
    weights = weights_per_gpu(facts, parallel, experts_on=_experts_on(request, spread))
    total = accelerator.memory_bytes
    usable = int(total * utilization)
    activations = activation_bytes(facts, batching, parallel.tensor)
    graphs = graph_bytes(facts, batching, parallel.pipeline)
    engine = engine_bytes(parallel, total)
    adapters = adapter_bytes(
        facts, parallel, request.demand, experts_on=_experts_on(request, spread)
    )
    share = MemoryShare(
        total=total,
        usable=usable,
        weights=weights.total,
        activations=activations,
        graphs=graphs,
        engine=engine,
        cache=usable - weights.total - activations - graphs - engine - adapters,
        adapters=adapters,
    )
    layout = CacheLayout(
        tensor_parallel=parallel.tensor,
        pipeline_parallel=parallel.pipeline,
        element_bytes=element_bytes(request),
        in_flight_tokens=in_flight_tokens(batching, parallel.pipeline),
    )
    return Fit(
        spread=spread,
        share=share,
        replicated_bytes=weights.replicated,
        batching=batching,
        pool=block_pool(facts, layout),
        utilization=utilization,
    )


def _experts_on(request: PlanRequest, spread: Spread) -> int:
    """VLLM spreads the experts over the ranks of all copies, once there is more than one."""
    if spread.parallelism.data > 1 and request.facts.experts:
        return spread.parallelism.gpus
    return 0
