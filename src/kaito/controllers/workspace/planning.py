"""From a Workspace to the model with its plan: which machine, what the user demands, what fits.

Planning is a pure function of what is hashed into the status, and asked at every pass: the plan
cannot fall behind what it depends on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from kaito import __version__
from kaito.api import labels
from kaito.api.inference_config import InferenceConfig
from kaito.api.workspace import PlanStatus, Workspace
from kaito.base.quantity import parse_bytes
from kaito.catalog.preset import ModelFacts, Preset
from kaito.controllers.workspace.machine_type import choose_machine, slice_resource
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.plan_status import to_plan_status
from kaito.controllers.workspace.settings import Planner, WorkspaceSettings
from kaito.planner.demand import demand_of
from kaito.planner.plan import (
    INSUFFICIENT_MEMORY,
    INVALID_DEMAND,
    Demand,
    Plan,
    PlanRequest,
    Refusal,
)
from kaito.planner.summary import summary_line
from kaito.render.adapters import AdapterMounts, planned_slots
from kaito.render.served_model import NvmeVolume, ServedModel
from kaito.render.stamp import content_hash
from kaito.render.volumes import WEIGHTS

_TRUST = "trust-remote-code"
_REMEMBERED = 1024
"""Plans that are kept: many workspaces ask for few different ones, and each at every pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A model that can be served, and its plan as the status has it."""

    model: ServedModel
    status: PlanStatus


def plan_preset(
    observed: Observed, config: InferenceConfig, settings: WorkspaceSettings, mounts: AdapterMounts
) -> Planned | Refusal:
    """The plan of a workspace that names a preset, or the one reason why there is none.

    `mounts`: what its pods are to have for adapters; the engine's room for them is part of it.
    """
    known = known_model(observed)
    if isinstance(known, Refusal):
        return known
    preset, facts = known
    trusts = _trusts(observed.workspace, config)
    if preset.serving.trust_remote_code and not trusts:
        return _untrusted(preset)
    machine = choose_machine(observed)
    if isinstance(machine, Refusal) and settings.preview is None:
        return machine
    demand = _demand(observed.workspace, config, mounts)
    if isinstance(demand, Refusal):
        return demand
    instance = None if isinstance(machine, Refusal) else machine
    request = PlanRequest(preset=preset, facts=facts, instance=instance, demand=demand)
    planned = _planned(observed, request, settings, trusts=trusts)
    if isinstance(planned, Refusal):
        return planned
    return replace(planned, model=replace(planned.model, adapters=mounts))


def _planned(
    observed: Observed, request: PlanRequest, settings: WorkspaceSettings, *, trusts: bool
) -> Planned | Refusal:
    plan = _plan(settings.planner, request)
    part = slice_resource(observed)
    if part and isinstance(plan, Plan):
        plan = _on_one_slice(plan, part)
    in_cluster = _preview(request, settings.preview)
    if isinstance(plan, Refusal):
        return replace(plan, message=f"{plan.message}; {in_cluster}") if in_cluster else plan
    inputs_hash = content_hash((__version__, request))
    status = to_plan_status(plan, inputs_hash=inputs_hash, in_cluster=in_cluster)
    model = ServedModel(
        preset=request.preset,
        plan=plan,
        weights_bytes=request.facts.weights_bytes,
        trusts_remote_code=trusts,
    )
    return Planned(model=replace(model, nvme=_nvme(observed, model, settings)), status=status)


@lru_cache(maxsize=_REMEMBERED)
def _plan(planner: Planner, request: PlanRequest) -> Plan | Refusal:
    """What the planner says; a refusal is dear, for it looks for what would do instead."""
    return planner(request)


def known_model(observed: Observed) -> tuple[Preset, ModelFacts] | Refusal:
    """The workspace's preset with what is known of its weights."""
    preset = observed.preset
    if preset is None:
        # Admitted by an older catalogue, or stored without admission.
        return Refusal(
            "UnknownPreset",
            f"preset {observed.workspace.preset_name!r} is not in the catalogue; "
            "see: kaito models list",
        )
    if observed.facts is None:
        return Refusal(
            "UnknownModel",
            f"nothing is known of {preset.hub_id} yet; bring its files with: "
            f"kaito models import {preset.hub_id} PATH",
        )
    return preset, observed.facts


def _demand(
    workspace: Workspace, config: InferenceConfig, mounts: AdapterMounts
) -> Demand | Refusal:
    # Only what was asked for: a runtime that nobody named is the planner's choice.
    runtime = workspace.metadata.annotations.get(labels.RUNTIME, "")
    try:
        return demand_of(runtime, config.vllm, adapters=planned_slots(workspace, mounts))
    except ValueError as error:
        return Refusal("InvalidConfig", f"ConfigMap {_config_name(workspace)}: {error}")


def _config_name(workspace: Workspace) -> str:
    name = workspace.inference.config if workspace.inference else ""
    return f"{workspace.metadata.namespace}/{name}"


def _trusts(workspace: Workspace, config: InferenceConfig) -> bool:
    options: Mapping[str, object] = (
        config.transformers if workspace.runtime == "transformers" else config.vllm
    )
    return options.get(_TRUST) is True


def _untrusted(preset: Preset) -> Refusal:
    return Refusal(
        "RemoteCodeNotAllowed",
        f"{preset.name} cannot be served without the Python code in {preset.hub_id}; to let it run "
        f"in the pods, set vllm: {{{_TRUST}: true}} in the ConfigMap that inference.config names",
    )


def _on_one_slice(plan: Plan, resource: str) -> Plan | Refusal:
    """Slices do not reach each other's memory: a model has one, or none will do."""
    if plan.nodes * plan.gpus_per_node > 1:
        needed = plan.nodes * plan.gpus_per_node
        return Refusal(
            INSUFFICIENT_MEMORY,
            f"the model needs {needed} slices {resource} and slices cannot share a model; choose a "
            "larger resource.partition.profile",
        )
    return replace(plan, gpu_resource=resource)


def _preview(request: PlanRequest, preview: Planner | None) -> str:
    """What it would be on the instance type asked for, where that is only played here."""
    if preview is None or request.instance is None:
        return ""
    found = _plan(preview, request)
    if isinstance(found, Plan):
        return f"in a cluster this would be {summary_line(found)}"
    if found.reason == INVALID_DEMAND:
        return ""
    return f"in a cluster this would not run: {found.message}"


def _nvme(observed: Observed, model: ServedModel, settings: WorkspaceSettings) -> NvmeVolume | None:
    """The claim for a machine's own disk. Once there it stays: weights lie on it."""
    live = observed.owned
    if live is not None:
        kept = _live_volume(live.spec.volume_claim_templates)
        if kept is None or kept.size_bytes >= model.disk_bytes:
            return kept
    instance = model.plan.instance
    if instance is None or not instance.has_nvme or settings.render.weights_path:
        return None
    if not observed.has_nvme_class:
        return None
    return NvmeVolume(storage_class=settings.render.nvme_storage_class, size_bytes=model.disk_bytes)


def _live_volume(templates: tuple[Mapping[str, object], ...]) -> NvmeVolume | None:
    for template in templates:
        meta, spec = template.get("metadata"), template.get("spec")
        if isinstance(meta, dict) and isinstance(spec, dict) and meta.get("name") == WEIGHTS:
            asked = (spec.get("resources") or {}).get("requests") or {}
            return NvmeVolume(
                storage_class=str(spec.get("storageClassName", "")),
                size_bytes=parse_bytes(asked.get("storage", 0)),
            )
    return None
