"""The Workspace controller as the embedded plane runs it: this machine is every node there is."""

import os
from collections.abc import Mapping
from dataclasses import replace

from kaito import __version__
from kaito.api import runtime
from kaito.api.labels import GROUP
from kaito.app.state import StateFolder
from kaito.controllers.modelmirror.controller import MirrorController
from kaito.controllers.modelmirror.decide import MirrorSettings
from kaito.controllers.workspace.controller import WorkspaceController
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.local.models import ModelsFolder
from kaito.planner.gpu import plan_on_gpus
from kaito.planner.machine import Machine, plan_on_machine
from kaito.planner.plan import Plan, PlanRequest, Refusal
from kaito.planner.tuning import TuningPlan, plan_tuning_on_machine
from kaito.planner.tuning_fit import TuningRequest
from kaito.provision.claims import NodeClaims
from kaito.provision.port import NodeClass
from kaito.render.settings import RenderSettings

_PASSED_ON = (runtime.ENV_HUB_ENDPOINT,)
"""Variables of the plane's own environment that its pods need to reach a model hub.

Tokens are not among them: a manifest is no place for a secret; `modelAccessSecret` names one.
"""

_ENV_TUNING_HOSTS = "KAITO_TUNING_ALLOW_HOSTS"
"""Hosts, separated by commas, that training data may come from though they are private."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def workspace_controller(state: StateFolder, machine: Machine) -> WorkspaceController:
    """The controller with the local machine as its planner and node provider."""
    models = ModelsFolder(state.models)

    def planner(request: PlanRequest) -> Plan | Refusal:
        name = request.preset.name
        at_hand = frozenset({name} if models.facts(name) else ())
        return plan_on_machine(request, replace(machine, models=at_hand))

    def tuning_planner(request: TuningRequest) -> TuningPlan | Refusal:
        return plan_tuning_on_machine(request, machine)

    return WorkspaceController(
        WorkspaceSettings(
            render=_render_settings(state),
            has_mirrors=True,
            # Every node here is this machine, whose memory the claims account for.
            provisioner=NodeClaims(
                node_class=NodeClass(group=GROUP, kind="KaitoNodeClass"),
                uses_existing=False,
                adds_machines=False,
            ),
            planner=planner,
            preview=plan_on_gpus,
            tuning_planner=tuning_planner,
            facts_at_hand=models.facts,
        )
    )


def mirror_controller(state: StateFolder) -> MirrorController:
    """The controller of ModelMirrors: here a claim is a folder, whatever its storage class."""
    return MirrorController(MirrorSettings(render=_render_settings(state), needs_class=False))


def _render_settings(state: StateFolder) -> RenderSettings:
    return RenderSettings(
        serving_image=runtime.serving_image(__version__),
        weights_path=str(state.models),
        environment=_passed_on(os.environ),
        has_containers=False,
        tuning_hosts=_tuning_hosts(os.environ),
    )


def _tuning_hosts(environment: Mapping[str, str]) -> tuple[str, ...]:
    """This machine's own, and those that its owner adds."""
    named = environment.get(_ENV_TUNING_HOSTS, "").split(",")
    return (*_LOOPBACK, *(host.strip() for host in named if host.strip()))


def _passed_on(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, environment[name]) for name in _PASSED_ON if environment.get(name))
