"""From a tuning Workspace to its settings and its plan, or the one reason why there is none.

`tuning.config` may name a ConfigMap of KAITO's own, `lora-params-template` and the like, which
KAITO copies into each namespace: where it is not there our defaults stand for it.
"""

from functools import lru_cache
from types import MappingProxyType

from kaito.api.training_config import (
    TRAINING_CONFIG_KEY,
    TrainingConfig,
    method_of,
    parse_training_config,
)
from kaito.api.workspace import PlanStatus, TuningSpec
from kaito.controllers.workspace.machine_type import choose_machine
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.planning import known_model
from kaito.controllers.workspace.settings import TuningPlanner, WorkspaceSettings
from kaito.planner.plan import Refusal
from kaito.planner.tuning import TuningPlan, plan_tuning_on_gpus
from kaito.planner.tuning_demand import demand_of_config
from kaito.planner.tuning_fit import TuningRequest
from kaito.planner.tuning_memory import TuningDemand
from kaito.render.tuning import TunedModel, keeps_results, work_hash

DEFAULT_CONFIGS = frozenset({"lora-params-template", "qlora-params-template"})
CONFIG_NOT_FOUND = "ConfigNotFound"
_ALL_DEFAULTS = TrainingConfig(sections=MappingProxyType({}))
_ONE_NODE_DISKS = frozenset(
    {"awsElasticBlockStore", "azureDisk", "cinder", "gcePersistentDisk", "photonPersistentDisk"}
    | {"vsphereVolume"}
)
"""Volumes in Kubernetes that are written from one node at a time; of a claim only its storage
class knows (https://kubernetes.io/docs/concepts/storage/persistent-volumes/#access-modes)."""
_REMEMBERED = 256
_PLAN_VERSION = 1


def decide_training_config(observed: Observed) -> TrainingConfig | Refusal:
    """The user's settings, or why they cannot be read: the plan depends on them."""
    spec = _spec(observed)
    name = f"ConfigMap {observed.workspace.metadata.namespace}/{spec.config}"
    if lacks_config(observed):
        return Refusal(
            CONFIG_NOT_FOUND, f"{name}, named by tuning.config, does not exist; create it"
        )
    if observed.config is None:
        return _ALL_DEFAULTS
    if TRAINING_CONFIG_KEY not in observed.config.data:
        return Refusal("InvalidConfig", f"{name} has no key {TRAINING_CONFIG_KEY}; add it")
    try:
        text = observed.config.data[TRAINING_CONFIG_KEY]
        return parse_training_config(text, method_of(spec.method))
    except ValueError as error:
        return Refusal("InvalidConfig", f"{name}, {TRAINING_CONFIG_KEY}: {error}")


def lacks_config(observed: Observed) -> bool:
    """Whether the ConfigMap that it names is not there, and no defaults stand for it."""
    name = _spec(observed).config
    return bool(name) and observed.config is None and name not in DEFAULT_CONFIGS


def plan_tuning(
    observed: Observed, config: TrainingConfig, settings: WorkspaceSettings
) -> TunedModel | Refusal:
    """The model with what it is trained on."""
    spec = _spec(observed)
    method = method_of(spec.method)
    known = known_model(observed)
    if isinstance(known, Refusal):
        return known
    if method is None:
        message = f"tuning.method: must be one of: lora, qlora, full, not {spec.method!r}"
        return Refusal("InvalidWorkspace", message)
    preset, facts = known
    machine = choose_machine(observed)
    if isinstance(machine, Refusal) and settings.preview is None:
        return machine
    resource = observed.workspace.resource
    request = TuningRequest(
        preset=preset,
        facts=facts,
        instance=None if isinstance(machine, Refusal) else machine,
        nodes=(resource.count if resource else None) or 1,
        demand=demand_of_config(method, config),
        results_on_node=not keeps_results(spec),
        takes_all_gpus=bool(resource and resource.instance_type),
    )
    if refusal := _refuse_volumes(spec, request.nodes):
        return refusal
    plan = _plan(settings.tuning_planner, request)
    if isinstance(plan, Refusal):
        return plan
    return TunedModel(
        preset=preset,
        plan=plan,
        method=method,
        config=observed.config_data,
        results=config.output_dir,
    )


def _refuse_volumes(spec: TuningSpec, nodes: int) -> Refusal | None:
    """A disk that only one node can attach would keep every other pod from starting."""
    for field, holder in (("input", spec.input), ("output", spec.output)):
        kinds = _ONE_NODE_DISKS & set((holder and holder.volume_source) or {})
        if kinds and nodes > 1:
            return Refusal(
                "InvalidWorkspace",
                f"tuning.{field}.volumeSource: {min(kinds)} can be attached to one node only and "
                f"resource.count is {nodes}; use a claim that is ReadWriteMany, or one node",
            )
    return None


def to_tuning_plan_status(observed: Observed, model: TunedModel) -> PlanStatus:
    """The plan as the status has it."""
    plan = model.plan
    return PlanStatus(
        version=_PLAN_VERSION,
        inputs_hash=work_hash(observed.workspace, model.config),
        instance_type=plan.instance.name if plan.instance else "",
        nodes=plan.nodes,
        gpus_per_node=plan.gpus,
        data_parallel_size=plan.nodes * plan.gpus // plan.shards,
        memory=plan.memory_bytes,
        disk=plan.disk_bytes,
        working=plan.working,
        in_cluster=_in_cluster(observed, model),
    )


@lru_cache(maxsize=_REMEMBERED)
def _plan(planner: TuningPlanner, request: TuningRequest) -> TuningPlan | Refusal:
    """What the planner says; a refusal is dear, for it looks for what would do instead."""
    return planner(request)


def _in_cluster(observed: Observed, model: TunedModel) -> str:
    """What it would be on the instance type asked for, where that is only played here."""
    machine = choose_machine(observed)
    facts = observed.facts
    if model.plan.instance is not None or isinstance(machine, Refusal) or facts is None:
        return ""
    request = TuningRequest(
        preset=model.preset,
        facts=facts,
        instance=machine,
        nodes=model.plan.nodes,
        demand=TuningDemand(method=model.method),
    )
    found = _plan(plan_tuning_on_gpus, request)
    if isinstance(found, TuningPlan):
        return f"in a cluster this would be {found.summary}"
    return f"in a cluster this would not run: {found.message}"


def _spec(observed: Observed) -> TuningSpec:
    assert observed.workspace.tuning is not None
    return observed.workspace.tuning
