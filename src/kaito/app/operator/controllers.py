"""The control loops of an operator, with what a cluster decides about them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kaito import __version__
from kaito.api import runtime
from kaito.api.field_error import FieldError
from kaito.api.modelmirror import MODELMIRRORS
from kaito.api.validation import validate_workspace
from kaito.api.workspace import Workspace
from kaito.app.admission import CATALOGUE
from kaito.app.operator.admission import gates_of, provisioning_of
from kaito.app.operator.gates import INFERENCE_SETS, MODEL_MIRRORS
from kaito.app.operator.options import OperatorOptions
from kaito.app.operator.provisioners import choose_supply
from kaito.catalog.preset import ModelFacts
from kaito.controllers.announced.controller import announced_controllers
from kaito.controllers.modelmirror.controller import MirrorController
from kaito.controllers.modelmirror.decide import MirrorSettings
from kaito.controllers.nodeclasses.controller import NodeClassController
from kaito.controllers.orphans.controller import OrphanController
from kaito.controllers.workspace.controller import WorkspaceController
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.kube.controller.runner import Controller
from kaito.kube.live import Uids
from kaito.planner.gpu import plan_on_gpus
from kaito.render.settings import RenderSettings

_IMAGE = runtime.SERVING_IMAGE.rpartition("/")[2]


def make_controllers(options: OperatorOptions, live: Uids) -> tuple[Controller[Any], ...]:
    """The controllers of the kinds that this release runs, and the sweepers of what they make.

    Raises:
        UsageError: the options ask for something that there is not.
    """
    supply = choose_supply(options)
    render = RenderSettings(
        serving_image=serving_image(options.registry),
        tuning_hosts=options.tuning_hosts,
        mirror_cpu=options.mirrors.cpu,
        mirror_memory=options.mirrors.memory,
        bucket_account=options.mirrors.bucket_account,
    )
    mirrors = options.gates.is_on(MODEL_MIRRORS)
    workspaces = WorkspaceController(
        WorkspaceSettings(
            render=render,
            has_mirrors=mirrors,
            give_back_after=timedelta(seconds=options.give_back_seconds) or None,
            provisioner=supply.source,
            makes=supply.makes,
            planner=plan_on_gpus,
            judge=_judge(options),
            facts_at_hand=_no_facts,
        )
    )
    keeping = MirrorSettings(render=render, storage_class=options.mirrors.storage_class)
    kept = (MirrorController(keeping),) if mirrors else ()
    sweepers = (OrphanController(kind, live, options.namespace) for kind in supply.sweeps)
    return (workspaces, *kept, *sweepers)


def _judge(options: OperatorOptions) -> Callable[[Workspace], tuple[FieldError, ...]]:
    """The rules that need no cache; the webhook has more of them."""
    around = replace(
        CATALOGUE,
        provisioning=provisioning_of(options),
        feature_gates=gates_of(options),
        private_hosts=frozenset(options.tuning_hosts),
        check_plan=None,  # the planner itself follows, with the ConfigMap
    )

    def judge(workspace: Workspace) -> tuple[FieldError, ...]:
        return validate_workspace(workspace, None, around=around)

    return judge


def make_announced(options: OperatorOptions) -> tuple[Controller[Any], ...]:
    """The controllers of the kinds that are stored and say so; their CRDs may be missing."""
    runs = frozenset({MODELMIRRORS.kind} if options.gates.is_on(MODEL_MIRRORS) else ())
    return tuple(
        controller
        for controller in announced_controllers(runs=runs)
        if controller.kind.resource.kind != "InferenceSet" or options.gates.is_on(INFERENCE_SETS)
    )


def make_class_keeper(options: OperatorOptions) -> NodeClassController | None:
    """What makes the declared node classes, if any are; their CRD may be missing."""
    declared = choose_supply(options).classes
    return NodeClassController(declared) if declared is not None else None


def serving_image(registry: str) -> str:
    """The image that serves models, from another registry where one is given."""
    if not registry:
        return runtime.serving_image(__version__)
    return f"{registry}/{_IMAGE}:{__version__}"


def _no_facts(preset: str) -> ModelFacts | None:
    """Weights lie on nodes, out of an operator's sight."""
    del preset
    return None
