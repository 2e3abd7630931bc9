"""What the composition root decides for the controller: where nodes come from, what fits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kaito.catalog.preset import ModelFacts
from kaito.planner.plan import Plan, PlanRequest, Refusal
from kaito.provision.port import Provisioner
from kaito.render.settings import RenderSettings


class Planner(Protocol):
    """Plans a model for the machines at hand. Pure."""

    def __call__(self, request: PlanRequest) -> Plan | Refusal:
        """The plan, or why there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceSettings:
    """The controller's surroundings."""

    render: RenderSettings
    provisioner: Provisioner
    planner: Planner
    facts_at_hand: Callable[[str], ModelFacts | None]
    """The facts of weights that are here already, by preset name; reads files."""
