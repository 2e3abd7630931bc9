"""WorkspaceReady, WorkspaceSucceeded and `status.state`, derived from the other conditions."""

from kaito.api import conditions
from kaito.api.meta import Condition
from kaito.api.workspace import (
    INFERENCE_READY,
    JOB_STARTED,
    MODEL_MIRROR_READY,
    NODE_CLAIM_READY,
    NODES_READY,
    RESOURCE_READY,
    WORKSPACE_READY,
    WORKSPACE_SUCCEEDED,
    WorkspaceState,
)
from kaito.controllers.workspace.step import WAITING_REASONS, holds, lacks

_PARTS = (
    *(NODE_CLAIM_READY, NODES_READY, RESOURCE_READY),
    *(MODEL_MIRROR_READY, JOB_STARTED, INFERENCE_READY),
)


def derive_ready(found: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """The two summaries: they hold when nothing is lacking, else they repeat the first that is."""
    lacking = next((c for c in _in_order(found) if not c.is_true), None)
    if lacking is None:
        message = _rollout(found) or "it answers"
        return (
            holds(WORKSPACE_READY, "workspaceSucceeded", message),
            holds(WORKSPACE_SUCCEEDED, "workspaceSucceeded", message),
        )
    waits = lacking.reason in WAITING_REASONS
    return (
        lacks(WORKSPACE_READY, lacking.reason, lacking.message),
        lacks(
            WORKSPACE_SUCCEEDED, "workspacePending" if waits else "workspaceFailed", lacking.message
        ),
    )


def _rollout(found: tuple[Condition, ...]) -> str:
    """What is said of an update that is under way or fails while the pod from before answers."""
    inference = conditions.find(found, INFERENCE_READY)
    is_rollout = inference is not None and inference.reason.startswith("Rollout")
    return inference.message if inference is not None and is_rollout else ""


def derive_state(found: tuple[Condition, ...], before: WorkspaceState | None) -> WorkspaceState:
    """Pending until it was ready once; then Ready or NotReady (spec section 1.6)."""
    if conditions.is_true(found, WORKSPACE_READY):
        return "Ready"
    return "NotReady" if before in ("Ready", "NotReady") else "Pending"


def _in_order(found: tuple[Condition, ...]) -> list[Condition]:
    return [c for type_ in _PARTS if (c := conditions.find(found, type_)) is not None]
