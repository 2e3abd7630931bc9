"""Plans and answers as plain data, for `-o json` and `-o yaml`; sizes in bytes."""

from kaito.cli.answers import Answer, kaito_nodes
from kaito.planner.plan import MemoryShare, Plan, Refusal, StartUp
from kaito.planner.search import price_of


def answer_document(answer: Answer, *, compat: bool = False) -> dict[str, object]:
    """One question's outcome; `plan` or `refusal` is null, `ranking` is of a search."""
    question, outcome = answer.question, answer.outcome
    document: dict[str, object] = {
        "model": question.name,
        "plan": plan_document(outcome) if isinstance(outcome, Plan) else None,
        "refusal": refusal_document(outcome) if isinstance(outcome, Refusal) else None,
        "ranking": [ranking_document(plan) for plan in answer.ranked],
    }
    if question.where:
        document["where"] = question.where
    if compat and isinstance(outcome, Plan):
        document["kaito"] = {"version": "0.12", "nodes": kaito_nodes(answer, outcome)}
    return document


def plan_document(plan: Plan) -> dict[str, object]:
    """A plan, whole."""
    sizes = plan.parallelism
    return {
        **ranking_document(plan),
        "runtime": plan.runtime,
        "parallelism": {"tensor": sizes.tensor, "pipeline": sizes.pipeline, "data": sizes.data},
        "cacheTokens": plan.cache_tokens,
        "kvCacheBytes": plan.kv_cache_bytes,
        "memoryBytes": plan.memory_bytes,
        "diskBytes": plan.disk_bytes,
        "gpuMemoryUtilization": plan.gpu_memory_utilization,
        "maxSequences": plan.max_sequences,
        "maxBatchedTokens": plan.max_batched_tokens,
        "gpuMemory": share_document(plan.share) if plan.share else None,
        "startUp": start_up_document(plan.start_up) if plan.start_up else None,
        "overrides": plan.overrides,
        "notes": plan.notes,
        "working": plan.working,
    }


def ranking_document(plan: Plan) -> dict[str, object]:
    """What tells one machine from another."""
    price = price_of(plan)
    return {
        "instanceType": plan.instance.name if plan.instance else None,
        "cloud": plan.instance.cloud if plan.instance else None,
        "gpu": plan.instance.gpu if plan.instance else None,
        "nodes": plan.nodes,
        "gpusPerNode": plan.gpus_per_node,
        "contextTokens": plan.context_tokens,
        "concurrency": plan.concurrency,
        "usdPerHour": float(price) if price is not None else None,
    }


def refusal_document(refusal: Refusal) -> dict[str, object]:
    """Why there is no plan, and what would do instead."""
    return {"reason": refusal.reason, "message": refusal.message, "fits": refusal.fits}


def share_document(share: MemoryShare) -> dict[str, int]:
    """Where the memory of the fullest GPU goes; all but `total` add up to it."""
    parts = {
        "weights": share.weights,
        "activations": share.activations,
        "graphs": share.graphs,
        "engine": share.engine,
        "cache": share.cache,
        **({"adapters": share.adapters} if share.adapters else {}),
    }
    return {**parts, "free": share.total - sum(parts.values()), "total": share.total}


def start_up_document(start: StartUp) -> dict[str, int]:
    """Seconds by stage, and all of them."""
    return {
        "node": start.node,
        "image": start.image,
        "weights": start.weights,
        "load": start.load,
        "engine": start.engine,
        "total": start.total,
    }
