"""Demands that contradict the model, the runtime or themselves, before any memory is counted."""

from kaito.planner.parallelism import contradiction
from kaito.planner.plan import INVALID_DEMAND, PlanRequest, Refusal

MULTI_NODE_TRANSFORMERS = (
    "Multi-node distributed inference is not supported with Huggingface Transformers runtime"
)
"""As KAITO 0.12 words it (spec section 1.8)."""


def refuse_demand(request: PlanRequest) -> Refusal | None:
    """The refusal of a demand that no machine can meet; None when there is nothing against it."""
    message = _against_model(request) or _out_of_range(request)
    return Refusal(INVALID_DEMAND, message) if message else None


def refuse_spread(request: PlanRequest, runtime: str, gpus: int) -> Refusal | None:
    """The refusal of a parallelism that is impossible on nodes of that many GPUs."""
    if runtime == "transformers":
        message = _against_transformers(request, gpus)
    else:
        message = contradiction(request.facts, request.demand, gpus)
    if not message:
        return None
    return Refusal(INVALID_DEMAND, f"{request.preset.name}: {message}")


def _against_model(request: PlanRequest) -> str:
    wanted, model = request.demand.context_tokens, request.facts.context_tokens
    if wanted <= model:
        return ""
    return (
        f"{request.preset.name}: a context of {wanted} tokens is asked for, the model was made for "
        f"{model}: ask for at most {model}"
    )


def _out_of_range(request: PlanRequest) -> str:
    demand = request.demand
    if not 0 <= demand.gpu_memory_utilization <= 1:
        return (
            f"{request.preset.name}: gpu-memory-utilization {demand.gpu_memory_utilization:g} is "
            "not between 0 and 1"
        )
    numbers = {
        "a context": demand.context_tokens,
        "a concurrency": demand.concurrency,
        "tensor-parallel-size": demand.tensor_parallel,
        "pipeline-parallel-size": demand.pipeline_parallel,
        "data-parallel-size": demand.data_parallel,
        "max-num-seqs": demand.max_sequences,
        "max-num-batched-tokens": demand.max_batched_tokens,
    }
    for name, value in numbers.items():
        if value < 0:
            return f"{request.preset.name}: {name} of {value} is asked for, which is below zero"
    sequences, tokens = demand.max_sequences, demand.max_batched_tokens
    if tokens and sequences > tokens:
        return (
            f"{request.preset.name}: max-num-seqs {sequences} is more than max-num-batched-tokens "
            f"{tokens}, and each request takes a token of a batch"
        )
    return ""


def _against_transformers(request: PlanRequest, gpus: int) -> str:
    demand = request.demand
    if demand.data_parallel > 1:
        return (
            f"data-parallel-size {demand.data_parallel} is vLLM's; the transformers runtime "
            "serves one copy"
        )
    if demand.pipeline_parallel > gpus:
        return MULTI_NODE_TRANSFORMERS
    if demand.tensor_parallel > 1:
        return (
            f"tensor-parallel-size {demand.tensor_parallel} is vLLM's; the transformers runtime "
            "lays layers over the GPUs in turn"
        )
    return ""
