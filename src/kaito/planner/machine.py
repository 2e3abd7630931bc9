"""Planning for one machine without GPUs: weights, cache and engine share its memory.

    needed = weights + KV cache + engine + adapters
    cache  = blocks of the requests in flight at that context, in whole GiB, at least one

The engine's own part was measured: vLLM 0.32 on CPU with a 269 MB model and a 2 GiB cache is
resident with about 5 GB, transformers 5.19 without a preallocated cache with about 1.5 GB.
"""

from dataclasses import dataclass

from kaito.base.quantity import GIB, format_gib
from kaito.catalog.preset import RuntimeName
from kaito.planner.adapters import adapter_bytes, adapter_host_bytes
from kaito.planner.cache import BlockPool, CacheLayout, block_pool
from kaito.planner.demand_check import refuse_demand
from kaito.planner.fit import element_bytes
from kaito.planner.notes import cut_note
from kaito.planner.plan import INSUFFICIENT_MEMORY, Parallelism, Plan, PlanRequest, Refusal
from kaito.planner.runtime_choice import refuse_runtime
from kaito.planner.startup import estimate_on_machine
from kaito.planner.working import adapter_lines

_ENGINE_BYTES = {"vllm": int(2.5 * GIB), "transformers": int(1.5 * GIB)}
_SYSTEM_BYTES = GIB
"""Left to the operating system and to the plane itself."""
_IN_FLIGHT_TOKENS = 2048
"""One batch at a time: a processor has no second one in the making, as a GPU has."""
_REQUESTS = 2
"""Requests of full context that the cache is made for, when there is room."""
_LEAST_CONTEXT = 1024
"""Tokens; a server that takes less than this is not worth starting."""
_BLOCK_TOKENS = 128
"""Of one block in vLLM on CPUs (vllm/platforms/cpu.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What one machine has."""

    name: str
    cpus: int
    memory_bytes: int
    models: frozenset[str] = frozenset()
    """Presets whose weights are on its disk, as far as anybody looked."""

    @property
    def allocatable_bytes(self) -> int:
        """Memory that workloads may use together."""
        return max(self.memory_bytes - _SYSTEM_BYTES, 0)

    def has_weights(self, preset: str) -> bool:
        """Whether nothing has to be fetched for it."""
        return preset in self.models


def plan_on_machine(request: PlanRequest, machine: Machine) -> Plan | Refusal:
    """The plan for one pod on `machine`, or the arithmetic that says it does not fit.

    The instance type of the request does not count: this machine plays every type. Of the demand
    only context, concurrency, runtime and the cache's type do, for there is no GPU to spread over.
    """
    wrong = refuse_demand(request) or refuse_runtime(request)
    if wrong:
        return wrong
    demand, facts = request.demand, request.facts
    runtime: RuntimeName = "transformers" if demand.runtime == "transformers" else "vllm"
    layout = CacheLayout(
        block_tokens=_BLOCK_TOKENS,
        element_bytes=element_bytes(request),
        in_flight_tokens=_IN_FLIGHT_TOKENS,
    )
    pool = block_pool(facts, layout)
    rest = _ENGINE_BYTES[runtime] + _adapters(request)
    room = machine.allocatable_bytes - facts.weights_bytes - rest
    least = demand.context_tokens or min(_LEAST_CONTEXT, facts.context_tokens)
    smallest = _whole_gib(pool.bytes_for(least, demand.concurrency or 1))
    if room < smallest:
        return _refusal(request, machine, engine=_ENGINE_BYTES[runtime], cache=smallest)
    cache = _cache_bytes(request, pool, room, smallest)
    context = demand.context_tokens or pool.longest_context(
        cache, facts.context_tokens, sequences=demand.concurrency or 1
    )
    return _plan(request, machine, pool, runtime=runtime, sizes=(cache, context))


def _cache_bytes(request: PlanRequest, pool: BlockPool, room: int, smallest: int) -> int:
    """What the requests want, but not all that is left.

    Half of it at most, so that one long-context model does not keep every other away.
    """
    context = request.demand.context_tokens or request.facts.context_tokens
    wanted = _whole_gib(pool.bytes_for(context, request.demand.concurrency or _REQUESTS))
    return min(wanted, max(_whole_gib(room // 2, up=False), smallest))


def _plan(
    request: PlanRequest,
    machine: Machine,
    pool: BlockPool,
    *,
    runtime: RuntimeName,
    sizes: tuple[int, int],
) -> Plan:
    facts, (cache, context), engine = request.facts, sizes, _ENGINE_BYTES[runtime]
    adapters = _adapters(request)
    total = facts.weights_bytes + cache + engine + adapters
    tokens = pool.tokens(cache, context)
    of_model = f"{tokens} tokens at context {context} of the model's {facts.context_tokens}"
    has = format_gib(machine.allocatable_bytes)
    return Plan(
        runtime=runtime,
        memory_bytes=total,
        kv_cache_bytes=cache,
        context_tokens=context,
        cache_tokens=tokens,
        concurrency=int(pool.concurrency(cache, context)),
        start_up=estimate_on_machine(
            facts.weights_bytes, runtime, at_hand=machine.has_weights(request.preset.name)
        ),
        working=(
            f"weights {format_gib(facts.weights_bytes)}",
            f"KV cache {format_gib(cache)}: {of_model}",
            f"engine {format_gib(engine)}",
            *adapter_lines(adapters, request.demand),
            f"needed {format_gib(total)} of {has} on {machine.name}",
        ),
        notes=tuple(filter(None, (cut_note(request, context),))),
    )


def _refusal(request: PlanRequest, machine: Machine, *, engine: int, cache: int) -> Refusal:
    facts, name = request.facts, request.preset.name
    adapters = _adapters(request)
    total = facts.weights_bytes + engine + cache + adapters
    lora = f" + LoRA {format_gib(adapters)}" if adapters else ""
    has, system = format_gib(machine.memory_bytes), format_gib(_SYSTEM_BYTES)
    return Refusal(
        INSUFFICIENT_MEMORY,
        f"{name} needs {format_gib(total)} (weights {format_gib(facts.weights_bytes)} + KV cache "
        f"{format_gib(cache)} + engine {format_gib(engine)}{lora}); machine {machine.name} has "
        f"{format_gib(machine.allocatable_bytes)} for workloads ({has} less {system} for the "
        "system). Choose a smaller model: kaito models list",
    )


def _adapters(request: PlanRequest) -> int:
    """The engine's stacks and the adapters that are kept at hand are in the same memory here."""
    stacks = adapter_bytes(request.facts, Parallelism(), request.demand)
    return stacks + adapter_host_bytes(request.facts, request.demand)


def _whole_gib(size: int, *, up: bool = True) -> int:
    return (-(-size // GIB) if up else size // GIB) * GIB
