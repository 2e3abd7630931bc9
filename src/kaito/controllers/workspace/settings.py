"""What the composition root decides for the controller: where nodes come from, what fits."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from kaito.api.field_error import FieldError
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.resources import Resource
from kaito.api.workspace import Workspace
from kaito.catalog.preset import ModelFacts
from kaito.planner.plan import Plan, PlanRequest, Refusal
from kaito.planner.tuning import TuningPlan, plan_tuning_on_gpus
from kaito.planner.tuning_fit import TuningRequest
from kaito.provision.port import NodeSource
from kaito.render.settings import RenderSettings


class Planner(Protocol):
    """Plans a model for the machines at hand. Pure."""

    def __call__(self, request: PlanRequest) -> Plan | Refusal:
        """The plan, or why there is none."""
        ...

    def __hash__(self) -> int:
        """What it says is remembered by who says it."""
        ...


class TuningPlanner(Protocol):
    """Plans a tuning job for the machines at hand. Pure."""

    def __call__(self, request: TuningRequest) -> TuningPlan | Refusal:
        """The plan, or why there is none."""
        ...

    def __hash__(self) -> int:
        """What it says is remembered by who says it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceSettings:
    """The controller's surroundings."""

    render: RenderSettings
    provisioner: NodeSource
    planner: Planner
    preview: Planner | None = None
    """Set where `planner` plans for a machine of its own, whatever instance type is asked for: then
    this one says what it would be on that instance type."""
    tuning_planner: TuningPlanner = plan_tuning_on_gpus
    makes: tuple[Resource[Any], ...] = (NODECLAIMS,)
    """Kinds that `provisioner` makes; others need not exist in the cluster."""
    give_back_after: timedelta | None = timedelta(minutes=30)
    """How long some of several nodes are kept while others do not come; None: for ever."""
    has_mirrors: bool = False
    """Whether ModelMirrors are run here; elsewhere their kind need not exist."""
    judge: Callable[[Workspace], tuple[FieldError, ...]] = lambda _: ()
    """The rules of admission, for objects that were stored while nobody could be asked."""
    facts_at_hand: Callable[[str], ModelFacts | None]
    """The facts of weights that are here already, by preset name; reads files."""
