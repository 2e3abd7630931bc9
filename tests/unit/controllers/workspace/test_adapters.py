"""Adapters of a running workspace: what a change writes, and what is said of each."""

from typing import Any

import pytest
from tests.unit.controllers.workspace.world import KEY, READY, World, new_world, settled

from kaito.api import conditions, labels
from kaito.api.adapters import ADAPTERS_KEY
from kaito.api.core import CONFIGMAPS, PODS, STATEFULSETS
from kaito.api.meta import Condition, Key, Manifest
from kaito.api.report import REPORTS
from kaito.api.workspace import WORKSPACES
from kaito.kube.controller.decision import Apply, Patch

LIST = (str(CONFIGMAPS), Key("default", "w-adapters"))
SMALL = "smollm2-135m-instruct"


def _adapter(name: str, **source: Any) -> Manifest:
    return {"source": {"name": name, **(source or {"image": f"r/{name}:1"})}}


def _running(*adapters: Manifest) -> World:
    """A workspace whose pod is bound and ready, made from what its StatefulSet says."""
    world = new_world(inference={"preset": {"name": SMALL}, "adapters": list(adapters)})
    settled(world)
    world.launch()
    settled(world)
    world.start_pod(**READY)
    pod = world.objects[(str(PODS), Key("default", "w-0"))]
    template = _workload(world)["spec"]["template"]["metadata"]["annotations"]
    pod["metadata"]["annotations"] = {labels.TEMPLATE_HASH: template[labels.TEMPLATE_HASH]}
    pod["spec"] = {"nodeName": "n1"}
    return settled(world)


def _workload(world: World) -> Manifest:
    return world.objects[(str(STATEFULSETS), KEY)]


def _want(world: World, *adapters: Manifest) -> None:
    world.objects[(str(WORKSPACES), KEY)]["inference"]["adapters"] = list(adapters)


def _report(world: World, *adapters: Manifest) -> None:
    meta = {"name": "w-0", "namespace": "default", "labels": {labels.WORKSPACE: "w"}}
    world.put(REPORTS, {"metadata": meta, "adapters": list(adapters)})


def _condition(world: World, type_: str) -> Condition | None:
    return conditions.find(world.observe().workspace.status.conditions, type_)


def _states(world: World) -> dict[str, str]:
    return {a.name: a.state for a in world.observe().workspace.status.adapters}


def test_the_list_is_there_before_the_pod_that_mounts_it() -> None:
    world = new_world(inference={"preset": {"name": SMALL}, "adapters": [_adapter("a")]})
    settled(world)
    world.launch()
    kinds = [a.resource for a in world.decide().actions if isinstance(a, Apply)]
    assert kinds.index(CONFIGMAPS) < kinds.index(STATEFULSETS)


def test_a_longer_list_is_one_write_and_one_hint_to_the_node() -> None:
    world = _running(_adapter("a"))
    before = _workload(world)
    _want(world, _adapter("a"), _adapter("b"))
    actions = world.decide().actions
    assert [(type(a), a.resource) for a in actions] == [(Apply, CONFIGMAPS), (Patch, PODS)]
    settled(world)
    assert _workload(world) is before
    assert "oci:r/b:1" in world.objects[LIST]["data"][ADAPTERS_KEY]
    said = [event for event in world.events if event.startswith("AdaptersUpdated")]
    assert said == [
        "AdaptersUpdated: adapters: b added; the engine is not restarted for it",
    ]


@pytest.mark.parametrize("text", ["", '{"adapters": []}', "nonsense"])
def test_a_list_that_somebody_wrote_by_hand_is_written_anew(text: str) -> None:
    world = _running(_adapter("a"))
    before = world.objects[LIST]["data"]
    world.objects[LIST]["data"] = {ADAPTERS_KEY: text}
    settled(world)
    assert world.objects[LIST]["data"] == before


def test_what_others_added_to_the_list_is_left_alone() -> None:
    world = _running(_adapter("a"))
    world.objects[LIST]["data"] = {**world.objects[LIST]["data"], "notes": "mine"}
    assert not [action for action in world.decide().actions if isinstance(action, Apply)]


def test_what_changed_and_what_went_is_named() -> None:
    world = _running(_adapter("a"), _adapter("b"), _adapter("c"))
    _want(world, {**_adapter("a"), "strength": "0.5"}, _adapter("c"), _adapter("d"))
    settled(world)
    (said,) = (event for event in world.events if event.startswith("AdaptersUpdated"))
    assert "d added, a changed, b removed" in said


@pytest.mark.parametrize(
    "last",
    [_adapter("a"), _adapter("a", volumeSource={"emptyDir": {}}), _adapter("a", urls=["hf://o/n"])],
)
def test_the_last_one_to_go_restarts_nothing(last: Manifest) -> None:
    world = _running(last)
    before = _workload(world)
    _want(world)
    settled(world)
    assert _workload(world) is before
    assert world.objects[LIST]["data"][ADAPTERS_KEY] == "{}"
    assert _condition(world, "AdaptersReady") is None
    assert world.observe().workspace.status.adapters == ()


def test_what_is_left_of_adapters_goes_with_the_next_update() -> None:
    world = _running(_adapter("a"))
    _want(world)
    settled(world)
    meta = world.objects[(str(WORKSPACES), KEY)]["metadata"]
    meta["annotations"] = {labels.PERFORMANCE_MODE: "throughput", labels.ROLLOUT: "replace"}
    settled(world)
    workload = _workload(world)
    assert labels.ADAPTER_MOUNTS not in workload["metadata"]["annotations"]
    assert LIST in world.objects, "the old pod has it mounted still"
    template = workload["spec"]["template"]["metadata"]["annotations"][labels.TEMPLATE_HASH]
    pod = world.objects[(str(PODS), Key("default", "w-0"))]
    pod["metadata"]["annotations"] = {labels.TEMPLATE_HASH: template}
    world.objects[LIST]["metadata"]["uid"] = "c1"
    settled(world)
    assert LIST not in world.objects


@pytest.mark.parametrize(
    "added",
    [
        _adapter("b", volumeSource={"emptyDir": {}}),
        _adapter("b", image="r/b:1", imagePullSecrets=["s"]),
    ],
)
def test_what_only_another_pod_can_have_rolls_out(added: Manifest) -> None:
    world = _running(_adapter("a"))
    _want(world, _adapter("a"), added)
    changed = [a.resource for a in world.decide().actions if isinstance(a, Apply)]
    assert STATEFULSETS in changed


def test_the_first_adapter_rolls_out_for_it_turns_lora_on() -> None:
    world = _running()
    assert LIST not in world.objects
    _want(world, _adapter("a"))
    changed = [a.resource for a in world.decide().actions if isinstance(a, Apply)]
    assert changed == [CONFIGMAPS, STATEFULSETS]


def test_each_adapter_is_pending_until_its_server_says_more() -> None:
    world = _running(_adapter("a"), _adapter("b"))
    assert _states(world) == {"a": "Pending", "b": "Pending"}
    _report(world, {"name": "a", "state": "Ready", "source": "oci:r/a:1", "digest": "sha256:1"})
    settled(world)
    assert _states(world) == {"a": "Ready", "b": "Pending"}
    found = _condition(world, "AdaptersReady")
    assert found is not None
    assert (found.status, found.reason) == ("False", "AdaptersPending")
    assert found.message == "1 of 2 adapters answer; b is Pending"
    assert world.ready[0] == "True"


def test_a_report_of_another_version_is_no_report() -> None:
    world = _running(_adapter("a"))
    _report(world, {"name": "a", "state": "Ready", "source": "oci:r/a:0"})
    settled(world)
    assert _states(world) == {"a": "Pending"}


def test_an_adapter_that_fails_is_told_of_and_the_base_model_stays_ready() -> None:
    world = _running(_adapter("a"), _adapter("b"))
    _report(
        world,
        {"name": "a", "state": "Failed", "message": "rank 64 is larger than 16"},
        {"name": "b", "state": "Ready"},
    )
    settled(world)
    found = _condition(world, "AdaptersReady")
    assert found is not None
    assert (found.status, found.reason) == ("False", "AdapterFailed")
    inference = _condition(world, "InferenceReady")
    assert inference is not None
    assert inference.is_true
    assert inference.message.endswith("adapter a: rank 64 is larger than 16")
    assert world.ready[0] == "True"
    assert world.events[-1] == "AdapterFailed: adapter a: rank 64 is larger than 16"


def test_somebody_elses_config_map_under_our_name_is_left_alone() -> None:
    world = new_world(inference={"preset": {"name": SMALL}, "adapters": [_adapter("a")]})
    settled(world)
    world.launch()
    meta = {"name": "w-adapters", "namespace": "default"}
    world.put(CONFIGMAPS, {"metadata": meta, "data": {"mine": "1"}})
    settled(world)
    assert world.ready[1] == "NameConflict"
    assert world.objects[LIST]["data"] == {"mine": "1"}
