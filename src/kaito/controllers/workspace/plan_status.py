"""The plan as `status.plan`, and the event that says what has changed about it."""

import msgspec

from kaito.api.workspace import PlanStatus, Workspace
from kaito.kube.controller.decision import Note
from kaito.planner.notes import is_cut_note
from kaito.planner.plan import Plan
from kaito.planner.summary import summary_line, to_summary

_TOLD = (
    "instance_type",
    "nodes",
    "runtime",
    "gpus_per_node",
    "tensor_parallel_size",
    "pipeline_parallel_size",
    "data_parallel_size",
    "context_tokens",
    "concurrency",
    "memory",
    "disk",
)
"""Fields that an event tells the change of; the others follow from them or are estimates."""
_NAMES = {field.name: field.encode_name for field in msgspec.structs.fields(PlanStatus)}
"""As users know them."""


def to_plan_status(plan: Plan, *, inputs_hash: str, in_cluster: str) -> PlanStatus:
    """The compact form, with what it was computed from."""
    status = msgspec.convert(to_summary(plan), PlanStatus)
    return msgspec.structs.replace(
        status, inputs_hash=inputs_hash, working=plan.working, in_cluster=in_cluster
    )


def tell_plan(workspace: Workspace, plan: Plan, new: PlanStatus) -> tuple[Note, ...]:
    """One event for a new plan, and one for each change of what it comes to.

    A context that was cut to what fits is a warning beside it.
    """
    old = workspace.status.plan
    if old is None:
        text = summary_line(plan)
        if new.in_cluster:
            text = f"{text}; {new.in_cluster}"
        return (Note(about=workspace, reason="Planned", message=text), *_cut(workspace, (), new))
    changes = _changes(old, new)
    if not changes:
        return ()
    message = f"planned anew: {', '.join(changes)}"
    changed = Note(about=workspace, reason="PlanChanged", message=message)
    return (changed, *_cut(workspace, old.notes, new))


def _cut(workspace: Workspace, told: tuple[str, ...], new: PlanStatus) -> tuple[Note, ...]:
    return tuple(
        Note(about=workspace, reason="ContextReduced", message=note, type="Warning")
        for note in new.notes
        if is_cut_note(note) and note not in told
    )


def _changes(old: PlanStatus, new: PlanStatus) -> list[str]:
    """`context 49152 -> 8192`, one for each field that differs."""
    return [
        f"{_NAMES[name]} {_shown(getattr(old, name))} -> {_shown(getattr(new, name))}"
        for name in _TOLD
        if getattr(old, name) != getattr(new, name)
    ]


def _shown(value: object) -> str:
    return str(value) if value != "" else "none"
