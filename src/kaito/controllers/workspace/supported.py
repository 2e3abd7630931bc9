"""What this release does not run yet is admitted, kept, and says so; nothing is started for it."""

from kaito.api.workspace import INFERENCE_READY, JOB_STARTED
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.step import Step, lacks


def decide_supported(observed: Observed) -> Step:
    """Block tuning and adapters with a reason, before any node is asked for."""
    workspace = observed.workspace
    if workspace.tuning is not None:
        method, model = workspace.tuning.method, workspace.preset_name
        message = (
            f"this release does not run tuning yet: {method} of {model} is stored as it is and no "
            "node was claimed; a later release will pick it up"
        )
        return Step(conditions=(lacks(JOB_STARTED, "TuningNotAvailable", message),), blocks=True)
    if workspace.inference is not None and workspace.inference.adapters:
        names = ", ".join(a.source.name for a in workspace.inference.adapters if a.source)
        message = (
            f"this release does not serve adapters yet ({names}): the workspace is stored as it is "
            "and no node was claimed; remove inference.adapters to serve the base model now"
        )
        return Step(
            conditions=(lacks(INFERENCE_READY, "AdaptersNotAvailable", message),), blocks=True
        )
    return Step()
