"""The rule that needs a planner: whether what a Workspace asks for runs on its instance type."""

from functools import lru_cache

from kaito.api import labels
from kaito.api.field_error import FieldError
from kaito.api.inference_config import InferenceConfig
from kaito.api.workspace import Workspace
from kaito.catalog.instances import find_instance_type
from kaito.catalog.lookup import find_preset
from kaito.planner.demand import demand_of
from kaito.planner.gpu import plan_on_gpus
from kaito.planner.plan import PlanRequest, Refusal
from kaito.render.adapters import mounts_for, planned_slots

_REMEMBERED = 1024
"""Refusals and assents kept: demands are written by users, so there is no end of them."""


def check_plan(workspace: Workspace, config: InferenceConfig) -> FieldError | None:
    """Why a preset does not run on the instance type asked for; None where it does, or unknown."""
    preset = find_preset(workspace.preset_name) if workspace.inference else None
    resource = workspace.resource
    instance = find_instance_type(resource.instance_type) if resource else None
    if preset is None or preset.facts is None or instance is None:
        return None
    # A runtime that nobody named is the planner's choice.
    runtime = workspace.metadata.annotations.get(labels.RUNTIME, "")
    try:
        slots = planned_slots(workspace, mounts_for(workspace))
        demand = demand_of(runtime, config.vllm, adapters=slots)
    except ValueError as error:
        return FieldError("inference.config", str(error))
    refusal = _refusal(
        PlanRequest(preset=preset, facts=preset.facts, instance=instance, demand=demand)
    )
    return FieldError("resource.instanceType", refusal) if refusal else None


@lru_cache(maxsize=_REMEMBERED)
def _refusal(request: PlanRequest) -> str:
    """The planner's refusal; looking for what would do instead takes a while, so it is kept."""
    plan = plan_on_gpus(request)
    return plan.message if isinstance(plan, Refusal) else ""
