"""What `kaito plan -f` answers for a Workspace that tunes: its plan on the machine it names."""

from dataclasses import dataclass
from types import MappingProxyType

from kaito.api.training_config import (
    TRAINING_CONFIG_KEY,
    TrainingConfig,
    method_of,
    parse_training_config,
)
from kaito.api.validation.surroundings import Surroundings
from kaito.api.workspace import Workspace
from kaito.base.errors import KaitoError
from kaito.base.quantity import format_gib
from kaito.catalog.instance_type import InstanceType
from kaito.cli.output import note
from kaito.cli.questions import find_model
from kaito.planner.plan import Refusal
from kaito.planner.tuning import TuningPlan, plan_tuning_on_gpus
from kaito.planner.tuning_demand import demand_of_config
from kaito.planner.tuning_fit import TuningRequest
from kaito.render.tuning import keeps_results


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningAnswer:
    """One job's outcome."""

    where: str
    """`file:line: workspace 'name'`."""
    model: str
    outcome: TuningPlan | Refusal


def answer_tuning(
    workspace: Workspace,
    around: Surroundings,
    *,
    where: str,
    instance: InstanceType | None,
    state_dir: str,
) -> TuningAnswer:
    """Plan the job with the settings that its ConfigMap has, where that is in the files."""
    assert workspace.tuning is not None
    method = method_of(workspace.tuning.method)
    assert method is not None, "admission has judged it"
    preset, facts = find_model(workspace.preset_name, state_dir)
    demand = demand_of_config(method, _settings(workspace, around, where))
    nodes = (workspace.resource.count if workspace.resource else None) or 1
    request = TuningRequest(
        preset=preset,
        facts=facts,
        instance=instance,
        nodes=nodes,
        demand=demand,
        results_on_node=not keeps_results(workspace.tuning),
    )
    return TuningAnswer(where=where, model=preset.name, outcome=plan_tuning_on_gpus(request))


def _settings(workspace: Workspace, around: Surroundings, where: str) -> TrainingConfig:
    spec, namespace = workspace.tuning, workspace.metadata.namespace or "default"
    assert spec is not None
    found = around.find_config(namespace, spec.config) if around.find_config else None
    if spec.config and found is None:
        note(f"{where}: ConfigMap {spec.config!r} is not in these files; planned without it")
    if not found or TRAINING_CONFIG_KEY not in found:
        return TrainingConfig(sections=MappingProxyType({}))
    try:
        return parse_training_config(found[TRAINING_CONFIG_KEY], method_of(spec.method))
    except ValueError as error:
        raise KaitoError(f"{where}: {TRAINING_CONFIG_KEY}: {error}") from error


def render_tuning(answer: TuningAnswer) -> str:
    """The decision, then its arithmetic, a line a term."""
    plan = answer.outcome
    assert isinstance(plan, TuningPlan)
    lines = [plan.summary]
    if plan.checkpointing:
        lines.append("gradient checkpointing, for memory asks for it")
    lines += [*plan.working[:-1], f"main memory {format_gib(plan.memory_bytes)}"]
    lines.append(f"disk {format_gib(plan.disk_bytes)}")
    return "\n".join((f"{answer.where}: tuning of {answer.model}", *(f"  {x}" for x in lines)))


def tuning_document(answer: TuningAnswer) -> dict[str, object]:
    """The same as plain data, sizes in bytes."""
    plan = answer.outcome
    document: dict[str, object] = {"model": answer.model, "where": answer.where}
    if isinstance(plan, Refusal):
        refusal = {"reason": plan.reason, "message": plan.message}
        return {**document, "plan": None, "refusal": refusal}
    share = plan.share
    found = {
        "instanceType": plan.instance.name if plan.instance else None,
        "nodes": plan.nodes,
        "gpus": plan.gpus,
        "shards": plan.shards,
        "checkpointing": plan.checkpointing,
        "memoryBytes": plan.memory_bytes,
        "diskBytes": plan.disk_bytes,
        "memory": {
            "weights": share.weights,
            "trained": share.trained,
            "activations": share.activations,
            "engine": share.engine,
            "gathered": share.gathered,
        },
        "working": plan.working,
    }
    return {**document, "plan": found, "refusal": None}
