"""The plan of one model on one instance type, or the arithmetic that says why there is none."""

from dataclasses import replace

from kaito.base.quantity import format_gib
from kaito.catalog.instance_type import InstanceType
from kaito.planner.assembly import layered_plan, settle, spread_plan
from kaito.planner.demand_check import refuse_demand, refuse_spread
from kaito.planner.devices import Device, devices_of
from kaito.planner.fit import closest_fit, first_fit, need_of
from kaito.planner.overrides import override_lines, without_overrides
from kaito.planner.plan import INSUFFICIENT_MEMORY, INVALID_DEMAND, Plan, PlanRequest, Refusal
from kaito.planner.runtime_choice import choose_runtime
from kaito.planner.transformers_fit import holds, layered_fit, wanted_context
from kaito.planner.working import layered_shortage, shortage


def plan_on_instance(request: PlanRequest) -> Plan | Refusal:
    """The plan on `request.instance`; its refusals name no other type, see `gpu` for those."""
    instance = request.instance
    if instance is None:
        return Refusal(
            INVALID_DEMAND, f"{request.preset.name}: no instance type is named to plan for"
        )
    wrong = refuse_demand(request)
    if wrong:
        return wrong
    outcome = plan_on_devices(request, devices_of(instance))
    if isinstance(outcome, Plan):
        return settle(outcome, request, instance)
    return outcome or _too_large(request, instance)


def plan_on_devices(request: PlanRequest, devices: tuple[Device, ...]) -> Plan | Refusal | None:
    """The part of a plan that the first devices that do decide; None: their memory is too small."""
    outcome: Plan | Refusal | None = None
    for device in devices:
        outcome = plan_on_device(request, device)
        if isinstance(outcome, Plan):
            break
    return outcome


def plan_on_device(request: PlanRequest, device: Device) -> Plan | Refusal | None:
    """The part of a plan that the GPUs decide; None when their memory is too small."""
    choice = choose_runtime(request, device.accelerator)
    if isinstance(choice, Refusal):
        return choice
    wrong = refuse_spread(request, choice.runtime, device.count)
    if wrong:
        return wrong
    if choice.runtime == "transformers":
        layered = layered_fit(request, device.accelerator, device.count)
        if not holds(request, layered):
            return None
        plan = layered_plan(request, device, layered, notes=choice.notes)
    else:
        fit = first_fit(request, device)
        if fit is None:
            return None
        plan = spread_plan(request, device, fit, notes=choice.notes)
    free = without_overrides(request.demand)
    if free == request.demand:
        return plan
    own = plan_on_device(replace(request, demand=free), device)
    lines = override_lines(request.demand, own if isinstance(own, Plan) else None)
    return replace(plan, overrides=lines)


def _too_large(request: PlanRequest, instance: InstanceType) -> Refusal:
    device = devices_of(instance)[-1]
    name, where = request.preset.name, f"{device.accelerator.name} of {instance.name}"
    choice = choose_runtime(request, device.accelerator)
    if not isinstance(choice, Refusal) and choice.runtime == "transformers":
        layered = layered_fit(request, device.accelerator, device.count)
        short = layered_shortage(layered, wanted_context(request))
        usable, gpus = layered.share.usable, layered.gpus
    else:
        fit = closest_fit(request, device)
        if fit is None:
            return _no_spread(request, instance, device)
        short = shortage(fit, need_of(request), request.facts.weights_bytes)
        usable, gpus = fit.share.usable, fit.spread.parallelism.gpus
    over = f" over {gpus} GPUs" if gpus > 1 else ""
    return Refusal(
        INSUFFICIENT_MEMORY, f"{name}{over} {short}; {where} has {format_gib(usable)} to use"
    )


def _no_spread(request: PlanRequest, instance: InstanceType, device: Device) -> Refusal:
    demand = request.demand
    return Refusal(
        INVALID_DEMAND,
        f"{request.preset.name} on {instance.name}: tensor-parallel-size "
        f"{demand.tensor_parallel or 1} x pipeline-parallel-size {demand.pipeline_parallel or 1} "
        f"cannot be laid over nodes of {device.count} GPUs",
    )
