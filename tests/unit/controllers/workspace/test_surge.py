"""The steps of a surge as a table: what is seen, and the one thing that is done about it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.unit.controllers.workspace.world import NOW

from kaito.api import labels
from kaito.api.core import SERVICES, STATEFULSETS, Pod, Service, StatefulSet
from kaito.api.meta import Manifest
from kaito.api.workspace import Workspace
from kaito.base.clock import to_rfc3339
from kaito.controllers.workspace.observed import Observed
from kaito.controllers.workspace.rollout import Mode, mode_of
from kaito.controllers.workspace.surge import Rollout, View, go_on
from kaito.controllers.workspace.workload import decide_workload
from kaito.kube.controller.decision import Apply, Patch

OLD, NEW, NEWER = "old", "new", "newer"


def _workspace(rollout: str = "auto") -> Workspace:
    meta = {"name": "w", "namespace": "d", "uid": "u", "annotations": {labels.ROLLOUT: rollout}}
    inference = {"preset": {"name": "phi-4"}}
    return msgspec.convert({"metadata": meta, "inference": inference}, Workspace)


def _wanted(template: str) -> Manifest:
    annotations = {labels.TEMPLATE_HASH: template}
    return {
        "metadata": {"name": "w", "namespace": "d", "annotations": annotations},
        "spec": {
            "replicas": 1,
            "serviceName": "w-headless",
            "podManagementPolicy": "Parallel",
            "template": {"metadata": {"annotations": annotations}, "spec": {}},
        },
    }


def _live(template: str, *, surging: bool, partition: int) -> StatefulSet:
    found = _wanted(template)
    meta = {**found["metadata"], "generation": 2, "resourceVersion": "5"}
    if surging:
        meta["annotations"] = {**meta["annotations"], labels.ROLLOUT: "surge"}
    spec = {
        **found["spec"],
        "replicas": 2 if surging else 1,
        "updateStrategy": {"rollingUpdate": {"partition": partition}},
    }
    status = {"observedGeneration": 2, "readyReplicas": 2}
    return msgspec.convert({"metadata": meta, "spec": spec, "status": status}, StatefulSet)


def _pod(ordinal: int, state: str) -> Pod | None:
    """`new`: ready and made from that template; `new!`: not ready; `new~`: going; empty: none."""
    if not state:
        return None
    meta: dict[str, Any] = {
        "name": f"w-{ordinal}",
        "annotations": {labels.TEMPLATE_HASH: state.strip("!~")},
    }
    if state.endswith("~"):
        meta["deletionTimestamp"] = to_rfc3339(NOW)
    conditions = [{"type": "Ready", "status": str(not state.endswith("!"))}]
    return msgspec.convert({"metadata": meta, "status": {"conditions": conditions}}, Pod)


def _service(target: int, *, switched: float = 60.0) -> Service:
    at = to_rfc3339(NOW - timedelta(seconds=switched))
    meta = {"name": "w", "resourceVersion": "9", "annotations": {labels.SWITCHED_AT: at}}
    spec = {"selector": {labels.POD_NAME: f"w-{target}"}}
    return msgspec.convert({"metadata": meta, "spec": spec}, Service)


def _view(
    live: StatefulSet, wanted: str, pods: tuple[str, str], *, target: int, mode: Mode = "surge"
) -> View:
    found = tuple(pod for i, state in enumerate(pods) if (pod := _pod(i, state)) is not None)
    observed = Observed(
        workspace=_workspace(mode), statefulset=live, services=(_service(target),), pods=found
    )
    return View(observed=observed, live=live, wanted=_wanted(wanted), mode=mode, now=NOW)


def _done(rollout: Rollout) -> str:
    """The step in one word."""
    if not rollout.actions:
        return f"wait {rollout.ordinal}"
    last = rollout.actions[-1]
    if isinstance(last, Patch):
        return "release"
    assert isinstance(last, Apply)
    if last.resource is SERVICES:
        return f"switch {rollout.ordinal}"
    return "begin" if last.manifest["spec"]["replicas"] == 2 else "end"


STEPS: list[tuple[int, int, str, tuple[str, str], str]] = [
    # partition, Service, wanted, pods -> step; the StatefulSet is `new`
    (1, 0, NEW, (OLD, ""), "wait 0"),
    (1, 0, NEW, (OLD, "new!"), "wait 0"),
    (1, 0, NEW, (OLD, OLD), "wait 0"),
    (1, 0, NEW, (OLD, "new~"), "wait 0"),
    (1, 0, NEW, (OLD, NEW), "switch 1"),
    (1, 0, NEW, ("old!", NEW), "switch 1"),
    (1, 0, OLD, (OLD, "new!"), "end"),
    (1, 0, NEWER, (OLD, "new!"), "begin"),
    (1, 1, NEW, (OLD, NEW), "release"),
    (1, 1, NEWER, (OLD, NEW), "release"),
    (1, 1, OLD, (OLD, NEW), "release"),
    (1, 1, NEW, (OLD, "new!"), "switch 0"),
    (1, 1, NEW, ("old!", "new!"), "wait 1"),
    (1, 1, NEWER, ("old!", "new!"), "end"),
    (1, 1, NEWER, ("old!", NEW), "release"),
    (0, 1, NEW, (OLD, NEW), "wait 1"),
    (0, 1, NEW, ("old~", NEW), "wait 1"),
    (0, 1, NEW, ("", NEW), "wait 1"),
    (0, 1, NEW, ("new!", NEW), "wait 1"),
    (0, 1, NEWER, ("new!", NEW), "wait 1"),
    (0, 1, NEW, ("new!", "new!"), "wait 1"),
    (0, 1, NEWER, ("new!", "new!"), "end"),
    (0, 1, NEW, (NEW, NEW), "switch 0"),
    (0, 1, NEWER, (NEW, NEW), "switch 0"),
    (0, 1, NEW, (NEW, "new!"), "switch 0"),
    (0, 0, NEW, (NEW, NEW), "end"),
    (0, 0, NEW, ("new!", NEW), "switch 1"),
    (0, 0, NEWER, (NEW, NEW), "begin"),
]


@pytest.mark.parametrize(("partition", "target", "wanted", "pods", "step"), STEPS)
def test_each_sight_of_a_surge_has_one_next_step(
    partition: int, target: int, wanted: str, pods: tuple[str, str], step: str
) -> None:
    live = _live(NEW, surging=True, partition=partition)
    assert _done(go_on(_view(live, wanted, pods, target=target))) == step


@pytest.mark.parametrize("wanted", [NEW, NEWER])
def test_who_asks_for_a_replacement_after_the_switch_gets_it_at_once(wanted: str) -> None:
    live = _live(NEW, surging=True, partition=0)
    for pods, step in ((("new!", NEW), "end"), ((NEW, NEW), "switch 0")):
        assert _done(go_on(_view(live, wanted, pods, target=1, mode="replace"))) == step


@pytest.mark.parametrize(
    ("wanted", "waits"), [(NEW, "a correction waits"), (NEWER, "the newer change waits")]
)
def test_a_first_pod_that_fails_after_the_switch_says_how_a_correction_gets_past_it(
    wanted: str, waits: str
) -> None:
    live = _live(NEW, surging=True, partition=0)
    crash = {"name": "w", "state": {"terminated": {"exitCode": 1, "message": "no such option"}}}
    failing = msgspec.convert(
        {"metadata": {"name": "w-0"}, "status": {"containerStatuses": [crash]}}, Pod
    )
    view = _view(live, wanted, ("", NEW), target=1)
    found = go_on(
        replace(view, observed=replace(view.observed, pods=(failing, *view.observed.pods)))
    )
    assert found.reason == "RolloutFailing"
    assert found.message == (
        "pod w-1 answers with the update; pod w-0 fails: pod w-0, container w: no such option; "
        f"{waits} for this pod; to apply it now, with a pause, annotate the workspace "
        "kaito.sh/rollout=replace"
    )


def test_a_step_is_valid_only_for_what_was_seen() -> None:
    live = _live(NEW, surging=True, partition=1)
    for target in (0, 1):
        rollout = go_on(_view(live, NEW, (OLD, NEW), target=target))
        seen = {}
        for action in rollout.actions:
            assert isinstance(action, Apply | Patch)
            written = action.manifest if isinstance(action, Apply) else action.patch
            assert isinstance(written, dict)
            seen[action.resource] = written["metadata"]["resourceVersion"]
        assert seen == {STATEFULSETS: "5", SERVICES: "9"}


@pytest.mark.parametrize(("partition", "target"), [(1, 1), (0, 0)])
def test_no_pod_ends_before_every_node_knows_that_it_is_left(partition: int, target: int) -> None:
    live = _live(NEW, surging=True, partition=partition)
    view = _view(live, NEW, (NEW, NEW), target=target)
    services = (_service(target, switched=2.0),)
    rollout = go_on(replace(view, observed=replace(view.observed, services=services)))
    assert rollout.actions == ()
    assert rollout.requeue_after == 3.0


def test_a_count_from_before_the_change_does_not_switch() -> None:
    live = _live(NEW, surging=True, partition=1)
    status = msgspec.structs.replace(live.status, observed_generation=1)
    view = _view(msgspec.structs.replace(live, status=status), NEW, (OLD, NEW), target=0)
    assert _done(go_on(view)) == "wait 0"


@pytest.mark.parametrize(
    ("mode", "shortage", "pods", "step"),
    [
        ("auto", "", (OLD, ""), "begin"),
        ("auto", "no GPU", (OLD, ""), "end"),
        ("surge", "no GPU", (OLD, ""), "wait 0"),
        ("replace", "", (OLD, ""), "end"),
        ("auto", "", ("old!", ""), "end"),
        ("surge", "", ("", ""), "end"),
    ],
)
def test_an_update_begins_beside_a_pod_that_answers_where_there_is_room(
    mode: Mode, shortage: str, pods: tuple[str, str], step: str
) -> None:
    live = _live(OLD, surging=False, partition=0)
    view = _view(live, NEW, pods, target=0, mode=mode)
    found = decide_workload(view.observed, _wanted(NEW), find_shortage=lambda: shortage, now=NOW)
    assert _done(found) == step


@pytest.mark.parametrize(
    ("mode", "waited", "step", "again"),
    [
        ("auto", 10.0, "wait 0", 50.0),
        ("auto", 60.0, "end", None),
        ("surge", 600.0, "wait 0", None),
    ],
)
def test_a_pod_that_no_node_takes_is_given_up_where_nothing_was_said(
    mode: Mode, waited: float, step: str, again: float | None
) -> None:
    since = to_rfc3339(NOW - timedelta(seconds=waited))
    unbound = {"type": "PodScheduled", "status": "False", "lastTransitionTime": since}
    waiting = msgspec.convert(
        {"metadata": {"name": "w-1"}, "status": {"conditions": [unbound]}}, Pod
    )
    live = _live(NEW, surging=True, partition=1)
    view = _view(live, NEW, (OLD, ""), target=0, mode=mode)
    observed = replace(view.observed, pods=(*view.observed.pods, waiting))
    found = go_on(replace(view, observed=observed))
    assert (_done(found), found.requeue_after) == (step, again)
    assert found.actions or found.reason == "RolloutWaitingForRoom"


CREATING = {"name": "w", "state": {"waiting": {"reason": "ContainerCreating"}}}
BEGUN = {**CREATING, "lastState": {"terminated": {"exitCode": 69}}}
UNPULLED = {"name": "w", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}}


@pytest.mark.parametrize(
    ("mode", "waited", "statuses", "step", "again"),
    [
        ("auto", 590.0, [CREATING], "wait 0", 10.0),
        ("auto", 600.0, [CREATING], "end", None),
        ("auto", 600.0, [], "end", None),
        ("auto", 900.0, [BEGUN], "wait 0", None),
        ("auto", 900.0, [{"name": "w", "state": {"running": {}}}], "wait 0", None),
        ("auto", 900.0, [UNPULLED], "wait 0", None),
        ("surge", 900.0, [CREATING], "wait 0", None),
    ],
)
def test_a_pod_of_which_nothing_starts_is_given_up_unless_it_would_fail_in_place_too(
    mode: Mode, waited: float, statuses: list[Manifest], step: str, again: float | None
) -> None:
    since = to_rfc3339(NOW - timedelta(seconds=waited))
    bound = {"type": "PodScheduled", "status": "True", "lastTransitionTime": since}
    meta = {"name": "w-1", "annotations": {labels.TEMPLATE_HASH: NEW}}
    status = {"conditions": [bound], "containerStatuses": statuses}
    starting = msgspec.convert({"metadata": meta, "status": status}, Pod)
    view = _view(_live(NEW, surging=True, partition=1), NEW, (OLD, ""), target=0, mode=mode)
    observed = replace(view.observed, pods=(*view.observed.pods, starting))
    found = go_on(replace(view, observed=observed))
    assert (_done(found), found.requeue_after) == (step, again)
    if step == "end":
        written = found.actions[-1]
        assert isinstance(written, Apply)
        assert written.note is not None
        assert written.note.message.endswith("see: kubectl describe pod w-0")
    elif statuses == [CREATING]:
        assert found.message.endswith("see: kubectl describe pod w-1")


def test_a_service_that_points_elsewhere_is_put_right_before_an_update_begins() -> None:
    live = _live(OLD, surging=False, partition=0)
    view = _view(live, NEW, (OLD, OLD), target=1)
    found = decide_workload(view.observed, _wanted(NEW), find_shortage=lambda: "", now=NOW)
    assert (found.actions, found.ordinal) == ((), 0)


@pytest.mark.parametrize(
    ("inference", "asked", "mode"),
    [
        ({"preset": {"name": "phi-4"}}, "", "auto"),
        ({"preset": {"name": "phi-4"}}, "replace", "replace"),
        ({"preset": {"name": "phi-4"}}, "what", "auto"),
        ({"template": {}}, "", "replace"),
        ({"template": {}}, "auto", "replace"),
        ({"template": {}}, "surge", "surge"),
    ],
)
def test_two_pods_of_a_template_run_at_once_only_where_it_says_so(
    inference: Manifest, asked: str, mode: Mode
) -> None:
    meta = {"name": "w", "annotations": {labels.ROLLOUT: asked} if asked else {}}
    document = {"metadata": meta, "inference": inference}
    assert mode_of(msgspec.convert(document, Workspace)) == mode
