"""What `kaito plan` is asked, from its arguments: a model, a demand, and where it may run."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from kaito.base.errors import KaitoError
from kaito.catalog.instance_type import Cloud, InstanceType
from kaito.catalog.instances import INSTANCE_TYPES, check_instance_type, find_instance_type
from kaito.catalog.preset import ModelFacts, Preset
from kaito.cli.demands import read_demand
from kaito.cli.presets import require_preset
from kaito.planner.plan import PlanRequest

CLOUDS: tuple[Cloud, ...] = tuple(
    cloud for cloud in get_args(Cloud) if any(i.cloud == cloud for i in INSTANCE_TYPES)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One model to plan for."""

    request: PlanRequest
    """Without an instance type all of them are searched."""
    cloud: Cloud | None = None
    """The only one to search; None: all of them."""
    where: str = ""
    """`file:line: workspace 'name'`; empty where the model was named on the command line."""

    @property
    def name(self) -> str:
        """The model's."""
        return self.request.preset.name


def question_about_model(arguments: argparse.Namespace) -> Question:
    """The question about the model that the command line names."""
    preset, facts = find_model(arguments.model, arguments.state_dir)
    request = PlanRequest(
        preset=preset,
        facts=facts,
        instance=find_instance(arguments.instance_type),
        demand=read_demand(arguments),
    )
    return Question(request=request, cloud=find_cloud(arguments.cloud))


def find_model(name: str, state_dir: str) -> tuple[Preset, ModelFacts]:
    """A preset of the catalogue, weights at hand or on the hub, or a folder; and the facts."""
    if is_folder(name):
        return read_folder(Path(name))
    preset = require_preset(name)
    return preset, preset.facts or facts_elsewhere(preset, state_dir)


def is_folder(name: str) -> bool:
    """Whether somebody means a folder: a path's spelling, or one that is there."""
    return name.startswith(("/", "./", "../", "~")) or name in (".", "..") or Path(name).is_dir()


def read_folder(path: Path) -> tuple[Preset, ModelFacts]:
    """A preset for a folder of files, which can be served by either runtime."""
    from kaito.cli.model_folder import read_model_folder

    folder = path.expanduser()
    facts = read_model_folder(folder)
    name = folder.resolve().name.lower()
    preset = Preset(name=name, hub_id=name, facts=facts, runtimes=("vllm", "transformers"))
    return preset, facts


def facts_elsewhere(preset: Preset, state_dir: str) -> ModelFacts:
    """The facts of imported weights, else the hub's; `KaitoError` says how to bring them."""
    from kaito.app.state import choose_state_folder
    from kaito.local.models import ModelsFolder

    found = ModelsFolder(choose_state_folder(state_dir).models).facts(preset.name)
    if found is not None:
        return found
    from kaito.cli.hub_model import read_hub_model

    return read_hub_model(preset.hub_id)


def find_instance(name: str) -> InstanceType | None:
    """The instance type of that name, None without a name; `KaitoError` suggests near ones."""
    if not name:
        return None
    found = find_instance_type(name)
    if found is None:
        problem, _, hint = check_instance_type(name).partition("; ")
        raise KaitoError(problem, hint=hint)
    return found


def find_cloud(name: str) -> Cloud | None:
    """The cloud of that name; None without a name."""
    return next((cloud for cloud in CLOUDS if cloud == name), None)


def largest_instance(cloud: Cloud | None) -> InstanceType:
    """The machine with the most memory on accelerators that we can use."""
    usable = [one for one in INSTANCE_TYPES if cloud in (None, one.cloud) and one.runtime]
    return max(usable, key=lambda one: (one.runtime == "vllm", one.gpu_memory_bytes))
