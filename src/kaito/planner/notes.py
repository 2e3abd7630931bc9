"""What to know about a plan before paying for it, one line each."""

from kaito.base.quantity import format_gib
from kaito.catalog.instance_type import InstanceType
from kaito.planner.devices import Device
from kaito.planner.fit import Fit, longest_context, widest_fit
from kaito.planner.plan import Plan, PlanRequest


def fit_notes(request: PlanRequest, device: Device, fit: Fit, context: int) -> list[str]:
    """Of the way the model is spread and of what its cache leaves."""
    notes = []
    parallel = fit.spread.parallelism
    if fit.spread.nodes == 1 and parallel.pipeline > 1 and not request.demand.pipeline_parallel:
        notes.append(
            f"the model's heads do not divide over {parallel.tensor * parallel.pipeline} GPUs: "
            f"layers are split over a pipeline of {parallel.pipeline}"
        )
    if device.is_slice:
        notes.append(f"runs on one slice of {format_gib(device.accelerator.memory_bytes)}")
    cut = cut_note(request, context)
    if cut:
        notes.append(cut + _more_on_the_node(request, device, fit, context))
    return notes


def cut_note(request: PlanRequest, context: int) -> str:
    """That the context is not the model's, where nobody asked for less; empty otherwise."""
    model = request.facts.context_tokens
    if context >= model or request.demand.context_tokens:
        return ""
    return f"context {context} of the model's {model}: no more fits"


def is_cut_note(note: str) -> bool:
    """Whether a note of a plan says that the context is not the model's."""
    return note.startswith("context ")


def _more_on_the_node(request: PlanRequest, device: Device, fit: Fit, context: int) -> str:
    """What the GPUs that the plan leaves would give; empty where it leaves none."""
    if fit.spread.nodes > 1 or 2 * fit.spread.gpus_per_node > device.count:
        return ""
    wider = widest_fit(request, device)
    longer, gpus = longest_context(request, wider), wider.spread.gpus_per_node
    if longer <= context:
        return ""
    return f"; {longer} on {gpus} GPUs (ask for that context, or tensor-parallel-size {gpus})"


def machine_notes(plan: Plan, instance: InstanceType) -> list[str]:
    """Of the machine's network and disk."""
    notes = []
    if plan.parallelism.tensor > 1 and not instance.has_nvlink:
        notes.append(
            f"the GPUs of {instance.name} reach each other over PCIe, which slows tensor "
            "parallelism"
        )
    if plan.nodes > 1:
        speed = f"{instance.network_gbit} Gbit/s" if instance.network_gbit else "unknown speed"
        notes.append(f"{plan.nodes} nodes answer together over a network of {speed}")
    if 0 < instance.disk_bytes < plan.disk_bytes:
        notes.append(
            f"the local disk of {format_gib(instance.disk_bytes)} is smaller than the "
            f"{format_gib(plan.disk_bytes)} of weights, image and room: give the node a larger one"
        )
    return notes


def model_notes(request: PlanRequest) -> list[str]:
    """Of the model itself."""
    preset = request.preset
    notes = []
    if preset.is_gated:
        notes.append(
            f"{preset.hub_id} is gated: the weights need a token of an account with its licence"
        )
    if preset.note:
        notes.append(preset.note)
    return notes
