"""The one blocking reason, in words."""

from datetime import UTC, datetime

from kaito.api.explain import explain_workspace
from kaito.api.meta import Condition, ObjectMeta
from kaito.api.workspace import Workspace, WorkspaceStatus

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def _workspace(*conditions: Condition, deleted: datetime | None = None) -> Workspace:
    return Workspace(
        metadata=ObjectMeta(name="w", namespace="ns", deletion_timestamp=deleted),
        status=WorkspaceStatus(conditions=conditions),
    )


def test_a_failure_names_where_to_look_and_what_to_do() -> None:
    found = explain_workspace(
        _workspace(
            Condition(
                type="WorkspaceReady",
                status="False",
                reason="ModelUnavailable",
                message="hub: no route",
                last_transition_time=THEN,
            )
        )
    )
    assert (found.reason, found.message, found.since) == ("ModelUnavailable", "hub: no route", THEN)
    assert found.look == "kubectl logs w-0 -n ns -c weights"
    assert "kaito models import" in found.then


def test_an_unobserved_workspace_points_at_the_operator() -> None:
    assert "is the operator running" in explain_workspace(_workspace()).message


def test_a_ready_workspace_says_how_to_talk_to_it() -> None:
    ready = Condition(type="WorkspaceReady", status="True", reason="workspaceSucceeded")
    found = explain_workspace(_workspace(ready))
    assert (found.reason, found.then) == ("Ready", "kaito chat w")


def test_a_deletion_says_what_it_waits_for() -> None:
    waiting = Condition(
        type="WorkspaceDeleting", status="True", message="waiting for pod w-0 to end"
    )
    found = explain_workspace(_workspace(waiting, deleted=THEN))
    assert (found.reason, found.message) == ("Deleting", "waiting for pod w-0 to end")
