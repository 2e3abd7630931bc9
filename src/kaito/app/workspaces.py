"""The Workspace controller as the embedded plane runs it: this machine is every node there is."""

import os
from collections.abc import Mapping

from kaito import __version__
from kaito.api import runtime
from kaito.api.labels import GROUP
from kaito.app.state import StateFolder
from kaito.controllers.workspace.controller import WorkspaceController
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.local.models import ModelsFolder
from kaito.planner.gpu import plan_on_gpus
from kaito.planner.machine import Machine, plan_on_machine
from kaito.planner.plan import Plan, PlanRequest, Refusal
from kaito.provision.claims import NodeClaims
from kaito.provision.port import NodeClass
from kaito.render.settings import RenderSettings

_PASSED_ON = (runtime.ENV_HUB_ENDPOINT,)
"""Variables of the plane's own environment that its pods need to reach a model hub.

Tokens are not among them: a manifest is no place for a secret; `modelAccessSecret` names one.
"""


def workspace_controller(state: StateFolder, machine: Machine) -> WorkspaceController:
    """The controller with the local machine as its planner and node provider."""

    def planner(request: PlanRequest) -> Plan | Refusal:
        return plan_on_machine(request, machine)

    return WorkspaceController(
        WorkspaceSettings(
            render=RenderSettings(
                serving_image=runtime.serving_image(__version__),
                weights_path=str(state.models),
                environment=_passed_on(os.environ),
                has_containers=False,
            ),
            # Every node here is this machine, whose memory the claims account for.
            provisioner=NodeClaims(
                node_class=NodeClass(group=GROUP, kind="KaitoNodeClass"), uses_existing=False
            ),
            planner=planner,
            preview=plan_on_gpus,
            facts_at_hand=ModelsFolder(state.models).facts,
        )
    )


def _passed_on(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, environment[name]) for name in _PASSED_ON if environment.get(name))
