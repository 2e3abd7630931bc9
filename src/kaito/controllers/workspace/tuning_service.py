"""The headless Service of a tuning Job on several nodes: made before it, gone with its Workspace.

One that is not needed any more stays: it costs nothing, and the operator may not delete Services.
"""

from kaito.api.core import SERVICES
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.step import say_taken
from kaito.kube.controller.decision import Action, Apply
from kaito.render.services import headless_name
from kaito.render.stamp import is_current
from kaito.render.tuning_group import render_group_service


def decide_group_service(observed: Observed, nodes: int) -> tuple[Action, ...] | str:
    """What to write; in words, why its name cannot be had."""
    wanted = render_group_service(observed.workspace, nodes)
    if wanted is None:
        return ()
    name = headless_name(observed.workspace)
    live = next((s for s in observed.services if s.metadata.name == name), None)
    owner = live.metadata.controller if live is not None else None
    if live is not None and (owner is None or owner.uid != observed.workspace.metadata.uid):
        return say_taken("Service", live.key)
    return () if is_current(live, wanted) else (Apply(resource=SERVICES, manifest=wanted),)
