"""What the user set against the planner's own choice, one line each."""

from kaito.planner.plan import Demand, Parallelism, Plan

_OWN = ("context_tokens", "concurrency", "runtime", "adapter_slots", "adapter_rank")
"""Demands that say what is needed, not how to meet it."""


def without_overrides(demand: Demand) -> Demand:
    """The demand with the planner left free in how to meet it."""
    return Demand(**{name: getattr(demand, name) for name in _OWN})


def override_lines(demand: Demand, own: Plan | None) -> tuple[str, ...]:
    """`tensor-parallel-size 4 instead of 1`; `own` is the planner's plan, None when it has none."""
    chosen = own.parallelism if own else Parallelism()
    pairs = (
        ("tensor-parallel-size", demand.tensor_parallel, chosen.tensor),
        ("pipeline-parallel-size", demand.pipeline_parallel, chosen.pipeline),
        ("data-parallel-size", demand.data_parallel, chosen.data),
        (
            "gpu-memory-utilization",
            demand.gpu_memory_utilization,
            own.gpu_memory_utilization if own else 0,
        ),
        ("max-num-seqs", demand.max_sequences, own.max_sequences if own else 0),
        ("max-num-batched-tokens", demand.max_batched_tokens, own.max_batched_tokens if own else 0),
    )
    lines = [
        f"{name} {wanted:g} instead of {usual:g}" if own else f"{name} {wanted:g}"
        for name, wanted, usual in pairs
        if wanted and wanted != usual
    ]
    if demand.kv_cache_dtype not in ("", "auto"):
        lines.append(f"kv-cache-dtype {demand.kv_cache_dtype} instead of auto")
    if demand.enforce_eager:
        lines.append("enforce-eager true instead of false")
    return tuple(lines)
