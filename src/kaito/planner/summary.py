"""A plan as a compact JSON object, for an object's status and for output, and as one line.

`version` is raised when a key changes its meaning or goes; new keys do not raise it.
"""

from kaito.base.quantity import format_gib
from kaito.planner.plan import MemoryShare, Plan
from kaito.planner.search import price_of
from kaito.planner.working import spread_in_words

VERSION = 1

Json = dict[str, "str | int | float | list[str] | Json"]


def to_summary(plan: Plan) -> Json:
    """The plan without its working. Sizes are bytes; keys that do not apply are left out."""
    found: Json = {
        "version": VERSION,
        "runtime": plan.runtime,
        "nodes": plan.nodes,
        "gpusPerNode": plan.gpus_per_node,
        "tensorParallelSize": plan.parallelism.tensor,
        "pipelineParallelSize": plan.parallelism.pipeline,
        "dataParallelSize": plan.parallelism.data,
        "contextTokens": plan.context_tokens,
        "concurrency": plan.concurrency,
        "cacheTokens": plan.cache_tokens,
        "memory": plan.memory_bytes,
        "disk": plan.disk_bytes,
        "overrides": list(plan.overrides),
        "notes": list(plan.notes),
    }
    if plan.instance:
        found["instanceType"] = plan.instance.name
    if plan.share:
        found["memoryPerGpu"] = _share(plan.share)
    if plan.start_up:
        found["startUpSeconds"] = plan.start_up.total
    price, total = plan.price, price_of(plan)
    if price and total is not None:
        found["pricePerHour"] = {
            "usd": f"{total:f}",
            "region": price.region,
            "asOf": price.as_of,
        }
    return found


def _share(share: MemoryShare) -> Json:
    found: Json = {
        "total": share.total,
        "usable": share.usable,
        "weights": share.weights,
        "activations": share.activations,
        "graphs": share.graphs,
        "engine": share.engine,
        "cache": share.cache,
    }
    return found | ({"adapters": share.adapters} if share.adapters else {})


def summary_line(plan: Plan) -> str:
    """`vllm on 1 x Standard_NC24ads_A100_v4, 1 GPU: context 131072, 4 at once, 3.67 USD/h`."""
    if plan.instance is None:
        where = f"{plan.runtime} in {format_gib(plan.memory_bytes)} of main memory"
    else:
        count = f"{plan.gpus_per_node} GPU{'s' if plan.gpus_per_node > 1 else ''}"
        where = f"{plan.runtime} on {plan.nodes} x {plan.instance.name}, {count} each"
    spread = spread_in_words(plan.parallelism) if plan.runtime == "vllm" else ""
    parts = [
        *([spread] if spread else []),
        f"context {plan.context_tokens}",
        f"{plan.concurrency} of that length at once",
    ]
    total = price_of(plan)
    if total is not None:
        parts.append(f"{total:.2f} USD/h")
    elif plan.instance is not None:
        parts.append("price unknown")
    return f"{where}: {', '.join(parts)}"
