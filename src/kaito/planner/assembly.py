"""From a fit to a plan: what it holds, what it needs beside GPUs, what to know about it."""

from dataclasses import replace

from kaito.base.quantity import GIB
from kaito.catalog.instance_type import InstanceType
from kaito.planner.adapters import adapter_host_bytes
from kaito.planner.devices import Device
from kaito.planner.fit import Fit, longest_context
from kaito.planner.notes import cut_note, fit_notes, machine_notes, model_notes
from kaito.planner.plan import Parallelism, Plan, PlanRequest
from kaito.planner.startup import StartUpFacts, disk_bytes, estimate_start_up
from kaito.planner.transformers_fit import LayeredFit, held_bytes
from kaito.planner.working import cache_line, layered_lines, memory_lines

_PROCESS_BYTES = 4 * GIB
"""Main memory of one worker: Python, CUDA's host side, pinned buffers."""
_SERVER_BYTES = 6 * GIB
"""The API server, tokenizer, scheduler and shared memory."""
_REQUESTABLE = 0.8
"""Share of a node's memory that pods can ask for; the rest is the system's and the kubelet's."""


def spread_plan(
    request: PlanRequest, device: Device, fit: Fit, *, notes: tuple[str, ...] = ()
) -> Plan:
    """What the GPUs decide of a plan under vLLM; `notes` come before its own."""
    spread, cache, facts = fit.spread, fit.share.cache, request.facts
    copies = spread.parallelism.data
    context = request.demand.context_tokens or longest_context(request, fit)
    tokens = fit.pool.tokens(cache, context) * copies
    requests = int(fit.pool.concurrency(cache, context)) * copies
    sequence = fit.pool.blocks_of(context) * fit.pool.block_bytes
    return Plan(
        nodes=spread.nodes,
        gpus_per_node=spread.gpus_per_node,
        gpu_resource=device.resource,
        parallelism=spread.parallelism,
        memory_bytes=_main_memory(request, spread.gpus_per_node),
        kv_cache_bytes=cache,
        context_tokens=context,
        cache_tokens=tokens,
        concurrency=requests,
        disk_bytes=disk_bytes(facts.weights_bytes),
        gpu_memory_utilization=fit.utilization,
        max_sequences=fit.batching.max_sequences,
        max_batched_tokens=fit.batching.max_batched_tokens,
        graphs=fit.batching.graphs,
        share=fit.share,
        notes=(*notes, *fit_notes(request, device, fit, context), *model_notes(request)),
        working=(
            *memory_lines(fit, request, device.accelerator),
            cache_line(tokens, requests, context, sequence),
        ),
    )


def layered_plan(
    request: PlanRequest, device: Device, fit: LayeredFit, *, notes: tuple[str, ...] = ()
) -> Plan:
    """What the GPUs decide of a plan under transformers; `notes` come before its own."""
    facts, context = request.facts, fit.context_tokens
    cut = cut_note(request, context)
    return Plan(
        runtime="transformers",
        gpus_per_node=fit.gpus,
        gpu_resource=device.resource,
        parallelism=Parallelism(pipeline=fit.gpus),
        memory_bytes=_main_memory(request, fit.gpus),
        kv_cache_bytes=fit.share.cache,
        context_tokens=context,
        cache_tokens=fit.concurrency * context,
        concurrency=fit.concurrency,
        disk_bytes=disk_bytes(facts.weights_bytes),
        share=fit.share,
        notes=(*notes, *((cut,) if cut else ()), *model_notes(request)),
        working=(
            *layered_lines(fit, request, device.accelerator),
            cache_line(
                fit.concurrency * context,
                fit.concurrency,
                context,
                held_bytes(facts, context, fit.gpus),
            ),
        ),
    )


def _main_memory(request: PlanRequest, gpus: int) -> int:
    """Of one pod: its server, a worker a GPU, and the adapters that are kept at hand."""
    adapters = adapter_host_bytes(request.facts, request.demand)
    return _SERVER_BYTES + gpus * _PROCESS_BYTES + adapters


def settle(plan: Plan, request: PlanRequest, instance: InstanceType) -> Plan:
    """The plan with what the rest of the machine decides: main memory, start-up, disk, network."""
    memory = plan.memory_bytes
    if instance.memory_bytes:
        memory = min(memory, int(instance.memory_bytes * _REQUESTABLE))
    found = StartUpFacts(
        weights_bytes=request.facts.weights_bytes,
        runtime=plan.runtime,
        nodes=plan.nodes,
        gpus_per_node=plan.gpus_per_node,
        graphs=plan.graphs,
    )
    return replace(
        plan,
        instance=instance,
        memory_bytes=memory,
        start_up=estimate_start_up(found, instance),
        notes=(*machine_notes(plan, instance), *plan.notes),
    )
