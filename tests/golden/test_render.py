"""Workspace in, manifests out. `KAITO_UPDATE_GOLDEN=1 pytest tests/golden` rewrites the outputs."""

import os
from pathlib import Path

import msgspec
import pytest
import yaml

from kaito.api.workspace import Workspace
from kaito.base.quantity import GIB
from kaito.catalog.lookup import find_preset
from kaito.planner.machine import Machine, plan_on_machine
from kaito.planner.plan import Demand, Plan, PlanRequest
from kaito.render.inference import ServedModel, render_preset, render_template
from kaito.render.services import render_services
from kaito.render.settings import RenderSettings

_CASES = sorted(Path(__file__).parent.joinpath("render").glob("*.input.yaml"))
_SETTINGS = RenderSettings(
    serving_image="registry.example.com/kaito-serving:1.2.3",
    weights_path="/var/lib/kaito/models",
    environment=(("HF_ENDPOINT", "https://hub.example.com"),),
)
_MACHINE = Machine(name="laptop", cpus=8, memory_bytes=32 * GIB)


@pytest.mark.parametrize("case", _CASES, ids=lambda path: path.name.removesuffix(".input.yaml"))
def test_a_workspace_renders_as_recorded(case: Path) -> None:
    document = yaml.safe_load(case.read_text())
    workspace = msgspec.convert(document, Workspace)
    if workspace.inference is not None and workspace.inference.template is not None:
        workload = render_template(workspace)
    else:
        preset = find_preset(workspace.preset_name)
        assert preset is not None
        assert preset.facts is not None
        demand = Demand(runtime=workspace.runtime)
        request = PlanRequest(preset=preset, facts=preset.facts, demand=demand)
        plan = plan_on_machine(request, _MACHINE)
        assert isinstance(plan, Plan)
        model = ServedModel(preset=preset, plan=plan, weights_bytes=preset.facts.weights_bytes)
        workload = render_preset(workspace, model, {"inference_config.yaml": "vllm: {}"}, _SETTINGS)
    rendered = yaml.safe_dump_all([workload, *render_services(workspace)], sort_keys=False)
    expected = case.with_name(case.name.replace(".input.", ".output."))
    if os.environ.get("KAITO_UPDATE_GOLDEN"):
        expected.write_text(rendered)
    assert rendered == expected.read_text()
