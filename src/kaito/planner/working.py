"""A plan's arithmetic in words, one line a term."""

from kaito.base.quantity import format_gib
from kaito.catalog.accelerator import Accelerator
from kaito.planner.fit import Fit, Need
from kaito.planner.plan import Demand, MemoryShare, Parallelism, PlanRequest
from kaito.planner.transformers_fit import UTILIZATION, LayeredFit


def spread_in_words(parallel: Parallelism) -> str:
    """`tensor parallel 4 x pipeline 2`; empty for one GPU."""
    parts = [f"tensor parallel {parallel.tensor}"] if parallel.tensor > 1 else []
    parts += [f"pipeline {parallel.pipeline}"] if parallel.pipeline > 1 else []
    parts += [f"{parallel.data} copies"] if parallel.data > 1 else []
    return " x ".join(parts)


def memory_lines(fit: Fit, request: PlanRequest, accelerator: Accelerator) -> tuple[str, ...]:
    """Where the memory of the fullest GPU goes."""
    share, batching = fit.share, fit.batching
    spread = spread_in_words(fit.spread.parallelism)
    weights = f"weights {format_gib(share.weights)}"
    if spread:
        weights += f": {format_gib(request.facts.weights_bytes)} over {spread}"
        if fit.replicated_bytes:
            weights += f", {format_gib(fit.replicated_bytes)} of it on every rank"
    graphs = f"CUDA graphs {format_gib(share.graphs)}: {batching.graphs} captured"
    activations = (
        f"activations {format_gib(share.activations)}: a pass of {batching.max_batched_tokens} "
        f"tokens, or the logits of {batching.max_sequences} requests"
    )
    return (
        usable_line(share, accelerator, fit.utilization),
        weights,
        *adapter_lines(share.adapters, request.demand),
        activations,
        graphs if batching.graphs else "CUDA graphs none",
        f"engine {format_gib(share.engine)}",
        f"left for the KV cache {format_gib(max(share.cache, 0))}",
    )


def adapter_lines(adapters: int, demand: Demand) -> tuple[str, ...]:
    """`LoRA 0.7 GiB: room for 2 adapters of rank 64 at once`; none where there is no room."""
    if not adapters:
        return ()
    count, rank = demand.adapter_slots, demand.adapter_rank
    named = "1 adapter" if count == 1 else f"{count} adapters"
    return (f"LoRA {format_gib(adapters)}: room for {named} of rank {rank} at once",)


def usable_line(share: MemoryShare, accelerator: Accelerator, utilization: float) -> str:
    """`GPU A10: 22.5 GiB x 0.92 = 20.7 GiB usable`."""
    return (
        f"GPU {accelerator.name}: {format_gib(share.total)} x {utilization:g} = "
        f"{format_gib(share.usable)} usable"
    )


def layered_lines(
    fit: LayeredFit, request: PlanRequest, accelerator: Accelerator
) -> tuple[str, ...]:
    """Where the memory of the fullest GPU goes under transformers."""
    share = fit.share
    over = f": layers over {fit.gpus} GPUs" if fit.gpus > 1 else ""
    return (
        usable_line(share, accelerator, UTILIZATION),
        f"weights {format_gib(share.weights)}{over}",
        *adapter_lines(share.adapters, request.demand),
        f"activations {format_gib(share.activations)}: a pass of {fit.context_tokens} tokens",
        f"engine {format_gib(share.engine)}",
        f"left for the KV cache {format_gib(max(share.cache, 0))}",
    )


def cache_line(tokens: int, requests: int, context_tokens: int, request_bytes: int) -> str:
    """What the cache holds at that context."""
    counted = "1 request" if requests == 1 else f"{requests} requests"
    return (
        f"KV cache holds {tokens} tokens: {counted} of {context_tokens} tokens, "
        f"{format_gib(request_bytes)} each on a GPU"
    )


def shortage(fit: Fit, need: Need, weights_bytes: int) -> str:
    """The sum that does not come out, for one GPU."""
    share = fit.share
    needed = fit.needed_cache(need)
    total = share.usable - share.cache + needed
    whole = f" of {format_gib(weights_bytes)}" if fit.spread.parallelism.gpus > 1 else ""
    lora = f" + LoRA {format_gib(share.adapters)}" if share.adapters else ""
    return (
        f"needs {format_gib(total)} a GPU (weights {format_gib(share.weights)}{whole}{lora} + "
        f"KV cache {format_gib(needed)} for {need.sequences} x {need.context_tokens} tokens + "
        f"activations {format_gib(share.activations)} + graphs {format_gib(share.graphs)} + "
        f"engine {format_gib(share.engine)})"
    )


def layered_shortage(fit: LayeredFit, context_tokens: int) -> str:
    """The same under transformers, where activations and cache grow with the context."""
    share = fit.share
    lora = f" + LoRA {format_gib(share.adapters)}" if share.adapters else ""
    if not fit.context_tokens:
        least = share.weights + share.engine + share.adapters
        return (
            f"needs more than {format_gib(least)} a GPU with transformers (weights "
            f"{format_gib(share.weights)}{lora} + engine {format_gib(share.engine)} + cache)"
        )
    return (
        f"takes {fit.context_tokens} of {context_tokens} tokens with transformers (weights "
        f"{format_gib(share.weights)} a GPU{lora} + engine {format_gib(share.engine)})"
    )
