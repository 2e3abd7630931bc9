"""Workspace in, manifests out. `KAITO_UPDATE_GOLDEN=1 pytest tests/golden` rewrites the outputs.

An input's second document is a plan for GPUs; without one the model is planned for this machine,
as the embedded plane does it.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from kaito.api.meta import Manifest
from kaito.api.workspace import Workspace
from kaito.base.quantity import GIB
from kaito.catalog.instances import find_instance_type
from kaito.catalog.lookup import find_preset
from kaito.catalog.preset import Preset
from kaito.planner.machine import Machine, plan_on_machine
from kaito.planner.plan import Demand, Plan, PlanRequest
from kaito.render.adapters import mounts_for, render_adapters_config
from kaito.render.inference import render_preset, render_template
from kaito.render.served_model import NvmeVolume, ServedModel
from kaito.render.services import render_services
from kaito.render.settings import RenderSettings

_CASES = sorted(Path(__file__).parent.joinpath("render").glob("*.input.yaml"))
_IMAGE = "registry.example.com/kaito-serving:1.2.3"
_ON_MACHINE = RenderSettings(
    serving_image=_IMAGE,
    weights_path="/var/lib/kaito/models",
    environment=(("HF_ENDPOINT", "https://hub.example.com"),),
    has_containers=False,
)
_IN_CLUSTER = RenderSettings(serving_image=_IMAGE)
_MACHINE = Machine(name="laptop", cpus=8, memory_bytes=32 * GIB)
_CONFIG = {"inference_config.yaml": "vllm: {}"}


def _plan_here(workspace: Workspace, preset: Preset) -> Plan:
    assert preset.facts is not None
    demand = Demand(runtime=workspace.runtime)
    plan = plan_on_machine(PlanRequest(preset=preset, facts=preset.facts, demand=demand), _MACHINE)
    assert isinstance(plan, Plan)
    return plan


def _render(workspace: Workspace, gpus: dict[str, Any] | None) -> Manifest:
    if workspace.inference is not None and workspace.inference.template is not None:
        return render_template(workspace)
    preset = find_preset(workspace.preset_name)
    assert preset is not None
    assert preset.facts is not None
    size = preset.facts.weights_bytes
    if gpus is None:
        model = ServedModel(preset=preset, plan=_plan_here(workspace, preset), weights_bytes=size)
        return render_preset(workspace, model, _CONFIG, _ON_MACHINE)
    plan = msgspec.convert(gpus["plan"], Plan)
    nvme = msgspec.convert(gpus["nvme"], NvmeVolume) if "nvme" in gpus else None
    model = ServedModel(
        preset=preset,
        plan=replace(plan, instance=find_instance_type(gpus["instance"])),
        weights_bytes=size,
        nvme=nvme,
        adapters=mounts_for(workspace),
    )
    return render_preset(workspace, model, gpus.get("config"), _IN_CLUSTER)


def _render_all(workspace: Workspace, gpus: dict[str, Any] | None) -> list[Manifest]:
    found = [_render(workspace, gpus), *render_services(workspace)]
    if mounts_for(workspace).is_on:
        found.append(render_adapters_config(workspace))
    return found


@pytest.mark.parametrize("case", _CASES, ids=lambda path: path.name.removesuffix(".input.yaml"))
def test_a_workspace_renders_as_recorded(case: Path) -> None:
    document, *gpus = yaml.safe_load_all(case.read_text())
    workspace = msgspec.convert(document, Workspace)
    rendered = yaml.safe_dump_all(
        _render_all(workspace, gpus[0] if gpus else None), sort_keys=False
    )
    expected = case.with_name(case.name.replace(".input.", ".output."))
    if os.environ.get("KAITO_UPDATE_GOLDEN"):
        expected.write_text(rendered)
    assert rendered == expected.read_text()
