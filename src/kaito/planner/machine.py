"""Planning for one machine without GPUs: weights, cache and engine share its memory.

    needed = weights + KV cache + engine
    cache  = cache a token x context x requests in flight, in whole GiB, at least one

The engine's own part was measured: vLLM 0.32 on CPU with a 269 MB model and a 2 GiB cache is
resident with about 5 GB, transformers 5.19 without a preallocated cache with about 1.5 GB.
"""

from dataclasses import dataclass

from kaito.base.quantity import GIB, format_gib
from kaito.catalog.preset import ModelFacts, RuntimeName
from kaito.planner.plan import INSUFFICIENT_MEMORY, Plan, PlanRequest, Refusal

_ENGINE_BYTES = {"vllm": int(2.5 * GIB), "transformers": int(1.5 * GIB)}
_SYSTEM_BYTES = GIB
"""Left to the operating system and to the plane itself."""
_REQUESTS = 2
"""Requests of full context that the cache is made for, when there is room."""
_LEAST_CONTEXT = 1024
"""Tokens; a server that takes less than this is not worth starting."""
_BLOCK = 16
"""Tokens of one cache block in vLLM; a context is cut to whole blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What one machine has."""

    name: str
    cpus: int
    memory_bytes: int

    @property
    def allocatable_bytes(self) -> int:
        """Memory that workloads may use together."""
        return max(self.memory_bytes - _SYSTEM_BYTES, 0)


def plan_on_machine(request: PlanRequest, machine: Machine) -> Plan | Refusal:
    """The plan for one pod on `machine`, or the arithmetic that says it does not fit.

    The instance type of the request does not count: this machine plays every type.
    """
    facts, name = request.facts, request.preset.name
    runtime: RuntimeName = "transformers" if request.demand.runtime == "transformers" else "vllm"
    engine = _ENGINE_BYTES[runtime]
    room = machine.allocatable_bytes - facts.weights_bytes - engine
    smallest = _whole_gib(_LEAST_CONTEXT * facts.kv_bytes_per_token)
    if room < smallest:
        return _refusal(facts, machine, name=name, engine=engine, cache=smallest)
    wanted = _whole_gib(_REQUESTS * facts.context_tokens * facts.kv_bytes_per_token)
    # Half of what is left, so that one long-context model does not keep every other away.
    cache = min(wanted, max(_whole_gib(room // 2, up=False), smallest))
    fitting = cache // max(facts.kv_bytes_per_token, 1) // _BLOCK * _BLOCK
    context = min(facts.context_tokens, fitting)
    total = facts.weights_bytes + cache + engine
    per_token = f"{facts.kv_bytes_per_token} bytes a token"
    cut = f"context {context} of the model's {facts.context_tokens}"
    has = format_gib(machine.allocatable_bytes)
    return Plan(
        runtime=runtime,
        memory_bytes=total,
        kv_cache_bytes=cache,
        context_tokens=context,
        cache_tokens=fitting,
        concurrency=fitting // context,
        working=(
            f"weights {format_gib(facts.weights_bytes)}",
            f"KV cache {format_gib(cache)}: {per_token}, {cut}",
            f"engine {format_gib(engine)}",
            f"needed {format_gib(total)} of {has} on {machine.name}",
        ),
    )


def _refusal(facts: ModelFacts, machine: Machine, *, name: str, engine: int, cache: int) -> Refusal:
    total = facts.weights_bytes + engine + cache
    has, system = format_gib(machine.memory_bytes), format_gib(_SYSTEM_BYTES)
    return Refusal(
        INSUFFICIENT_MEMORY,
        f"{name} needs {format_gib(total)} (weights {format_gib(facts.weights_bytes)} + KV cache "
        f"{format_gib(cache)} + engine {format_gib(engine)}); machine {machine.name} has "
        f"{format_gib(machine.allocatable_bytes)} for workloads ({has} less {system} for the "
        "system). Choose a smaller model: kaito models list",
    )


def _whole_gib(size: int, *, up: bool = True) -> int:
    return (-(-size // GIB) if up else size // GIB) * GIB
