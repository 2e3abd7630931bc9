"""Tuning Workspace in, Job out. `KAITO_UPDATE_GOLDEN=1 pytest tests/golden` rewrites the outputs.

An input's second document is the data of the ConfigMap that it names; `machine: true` plans it for
this machine, as the embedded plane does.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from kaito.api.meta import Manifest
from kaito.api.training_config import TRAINING_CONFIG_KEY, method_of, parse_training_config
from kaito.api.workspace import Workspace
from kaito.base.quantity import GIB
from kaito.catalog.instances import find_instance_type
from kaito.catalog.lookup import find_preset
from kaito.planner.machine import Machine
from kaito.planner.tuning import TuningPlan, plan_tuning_on_gpus, plan_tuning_on_machine
from kaito.planner.tuning_demand import demand_of_config
from kaito.planner.tuning_fit import TuningRequest
from kaito.render.settings import RenderSettings
from kaito.render.tuning import TunedModel, keeps_results, render_job
from kaito.render.tuning_group import render_group_service

_CASES = sorted(Path(__file__).parent.joinpath("tuning").glob("*.input.yaml"))
_IMAGE = "registry.example.com/kaito-serving:1.2.3"
_IN_CLUSTER = RenderSettings(serving_image=_IMAGE, tuning_hosts=("data.example.internal",))
_ON_MACHINE = RenderSettings(
    serving_image=_IMAGE, weights_path="/var/lib/kaito/models", has_containers=False
)
_MACHINE = Machine(name="laptop", cpus=8, memory_bytes=32 * GIB)


def _render(document: dict[str, Any], data: dict[str, str] | None) -> tuple[Manifest, ...]:
    """The Job, after the Service of one on several nodes."""
    here = bool(document.pop("machine", False))
    workspace = msgspec.convert(document, Workspace)
    assert workspace.tuning is not None
    assert workspace.resource is not None
    method, preset = method_of(workspace.tuning.method), find_preset(workspace.preset_name)
    assert method is not None
    assert preset is not None
    assert preset.facts is not None
    text = (data or {}).get(TRAINING_CONFIG_KEY, "training_config: {}")
    config = parse_training_config(text, method if data else None)
    request = TuningRequest(
        preset=preset,
        facts=preset.facts,
        instance=find_instance_type(workspace.resource.instance_type),
        nodes=workspace.resource.count or 1,
        demand=demand_of_config(method, config),
        results_on_node=not keeps_results(workspace.tuning),
    )
    plan = plan_tuning_on_machine(request, _MACHINE) if here else plan_tuning_on_gpus(request)
    assert isinstance(plan, TuningPlan)
    model = TunedModel(
        preset=preset, plan=plan, method=method, config=data, results=config.output_dir
    )
    service = render_group_service(workspace, plan.nodes)
    job = render_job(workspace, model, _ON_MACHINE if here else _IN_CLUSTER)
    return (service, job) if service is not None else (job,)


@pytest.mark.parametrize("case", _CASES, ids=lambda path: path.name.removesuffix(".input.yaml"))
def test_a_tuning_renders_as_recorded(case: Path) -> None:
    document, *data = yaml.safe_load_all(case.read_text())
    found = _render(document, data[0] if data else None)
    rendered = yaml.safe_dump_all(found, sort_keys=False)
    expected = case.with_name(case.name.replace(".input.", ".output."))
    if os.environ.get("KAITO_UPDATE_GOLDEN"):
        expected.write_text(rendered)
    assert rendered == expected.read_text()


@pytest.mark.parametrize(
    ("volume", "is_kept"),
    [
        ({"persistentVolumeClaim": {"claimName": "results"}}, True),
        ({"emptyDir": {}}, False),
        ({"ephemeral": {"volumeClaimTemplate": {}}}, False),
        (None, False),
    ],
)
def test_the_trainer_knows_whether_its_results_outlive_the_pod(
    volume: Manifest | None, is_kept: bool
) -> None:
    case = next(path for path in _CASES if path.name.startswith("image-on"))
    document, *data = yaml.safe_load_all(case.read_text())
    document["tuning"]["output"].pop("volumeSource", None)
    if volume is not None:
        document["tuning"]["output"]["volumeSource"] = volume
    (job,) = _render(document, data[0] if data else None)
    (trainer,) = job["spec"]["template"]["spec"]["containers"]
    assert ("--keeps-results=true" in trainer["args"]) == is_kept
