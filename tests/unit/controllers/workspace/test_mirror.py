"""A Workspace whose weights are a ModelMirror's: what it mounts, waits for and refuses."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.controllers.workspace.world import (
    IN_CLUSTER,
    KEY,
    World,
    new_world,
    settled,
)

from kaito.api import labels
from kaito.api.core import STATEFULSETS
from kaito.api.meta import Key, Manifest
from kaito.api.modelmirror import MODELMIRRORS
from kaito.api.runtime import ServingArguments
from kaito.api.workspace import WORKSPACES

MODEL = "microsoft/Phi-4-mini-instruct"


def mirror(name: str = "phi", *, model: str = MODEL, ready: bool = True, **spec: Any) -> Manifest:
    condition = {
        "type": "Ready",
        "status": str(ready),
        "reason": "Downloading",
        "message": "1.2 of 7.6 GB",
    }
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "ModelMirror",
        "metadata": {"name": name, "uid": f"m-{name}"},
        "spec": {"source": {"registry": "huggingface", "modelID": model}, **spec},
        "status": {"conditions": [condition]},
    }


def using(name: str, **options: Any) -> World:
    """A Workspace on nodes that are there, with the annotation."""
    preset = {"name": "phi-4-mini-instruct", "presetOptions": options}
    world = new_world(replace(IN_CLUSTER, has_mirrors=True), inference={"preset": preset})
    live = world.objects[(str(WORKSPACES), KEY)]
    live["metadata"]["annotations"] = {labels.MODEL_MIRROR: name}
    live["resource"]["instanceType"] = "Standard_NC24ads_A100_v4"
    return world


def started(world: World) -> Manifest | None:
    """What it runs, once nothing is left to do."""
    settled(world)
    world.launch()
    settled(world)
    found = world.objects.get((str(STATEFULSETS), KEY))
    return found["spec"]["template"]["spec"] if found else None


def weights_volume(pod: Manifest) -> Manifest:
    found: Manifest = next(v for v in pod["volumes"] if v["name"] == "model-weights-volume")
    return found


def reason(world: World) -> tuple[str, str]:
    _, found, message = world.ready
    return found, message


def told(world: World) -> str:
    conditions = world.observe().workspace.status.conditions
    return next(c.message for c in conditions if c.type == "ModelMirrorReady")


def test_the_pod_mounts_the_mirror_read_only_where_the_server_looks_and_fetches_nothing() -> None:
    world = using("phi")
    world.put(MODELMIRRORS, mirror())
    pod = started(world)
    assert pod is not None
    assert "initContainers" not in pod
    claim = {"claimName": "phi", "readOnly": True}
    assert weights_volume(pod)["persistentVolumeClaim"] == claim
    (container,) = pod["containers"]
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == "model-weights-volume"]
    assert mount["subPath"] == MODEL.replace("/", "--")
    assert mount["readOnly"]
    assert mount["mountPath"] == ServingArguments.parse_argv(container["args"]).model


def test_nodes_are_asked_for_while_the_mirror_is_filled() -> None:
    world = using("phi")
    world.put(MODELMIRRORS, mirror(ready=False))
    settled(world)
    assert world.claim()
    assert started(world) is None
    message = "ModelMirror phi is not ready: 1.2 of 7.6 GB"
    assert reason(world) == ("ModelMirrorNotReady", message)
    world.put(MODELMIRRORS, mirror())
    settled(world)
    assert (str(STATEFULSETS), KEY) in world.objects


def test_no_time_for_weights_is_predicted_where_a_mirror_has_them() -> None:
    found = []
    for annotated in (True, False):
        world = using("phi")
        world.put(MODELMIRRORS, mirror())
        meta = world.objects[(str(WORKSPACES), KEY)]["metadata"]
        meta["creationTimestamp"] = "2026-05-01T12:00:00Z"
        if not annotated:
            meta["annotations"] = {}
        started(world)
        start = world.observe().workspace.status.start_up
        assert start is not None
        found.append(start.predicted_seconds)
    assert found[0] < found[1]


@pytest.mark.parametrize(
    ("given", "options", "expected", "words"),
    [
        (mirror("other"), {}, "ModelMirrorNotFound", "create it, or remove the annotation"),
        (mirror(jobNamespace="models"), {}, "ModelMirrorElsewhere", "jobNamespace: default"),
        (mirror(model="a/b"), {}, "ModelMirrorMismatch", "name another mirror"),
        (
            mirror(
                source={
                    "registry": "huggingface",
                    "modelID": MODEL,
                    "accessSecret": {"name": "hf"},
                }
            ),
            {},
            "ModelMirrorAccess",
            "modelAccessSecret",
        ),
    ],
)
def test_a_mirror_that_cannot_be_used_is_one_clear_condition(
    given: Manifest, options: dict[str, Any], expected: str, words: str
) -> None:
    world = using("phi", **options)
    world.put(MODELMIRRORS, given)
    assert started(world) is None
    found, message = reason(world)
    assert found == expected
    assert words in message


def test_a_gated_mirror_is_open_to_who_brings_a_secret_of_his_own() -> None:
    source = {"registry": "huggingface", "modelID": MODEL, "accessSecret": {"name": "hf"}}
    world = using("phi", modelAccessSecret="mine")
    world.put(MODELMIRRORS, mirror(source=source))
    pod = started(world)
    assert pod is not None
    assert "persistentVolumeClaim" in weights_volume(pod)


def test_auto_takes_a_mirror_of_the_model_that_is_ready_and_waits_for_none() -> None:
    world = using("auto")
    world.put(MODELMIRRORS, mirror("a", model="a/b"))
    world.put(MODELMIRRORS, mirror("b", ready=False))
    world.put(MODELMIRRORS, mirror("c"))
    pod = started(world)
    assert pod is not None
    assert weights_volume(pod)["persistentVolumeClaim"]["claimName"] == "c"
    without = using("auto")
    without.put(MODELMIRRORS, mirror("b", ready=False))
    fetched = started(without)
    assert fetched is not None
    assert fetched["initContainers"]


def test_auto_does_not_restart_what_runs_when_a_mirror_becomes_ready() -> None:
    world = using("auto")
    world.put(MODELMIRRORS, mirror("b", ready=False))
    before = started(world)
    world.put(MODELMIRRORS, mirror("b"))
    assert started(world) == before
    other = using("auto")
    other.put(MODELMIRRORS, mirror("c"))
    running = started(other)
    other.put(MODELMIRRORS, mirror("a"))
    assert started(other) == running


def test_auto_keeps_the_volume_that_runs_when_its_mirror_is_no_longer_ready_or_is_gone() -> None:
    world = using("auto")
    world.put(MODELMIRRORS, mirror("c"))
    before = started(world)
    world.start_pod(phase="Running", conditions=[{"type": "Ready", "status": "True"}])
    world.put(MODELMIRRORS, mirror("c", ready=False))
    world.put(MODELMIRRORS, mirror("a"))
    assert started(world) == before
    assert world.ready[0] == "True"
    assert told(world) == "the weights are those of ModelMirror c"
    del world.objects[(str(MODELMIRRORS), Key("", "c"))]
    assert started(world) == before
    assert world.ready[0] == "True"
    assert "PersistentVolumeClaim default/c, whose ModelMirror is gone" in told(world)


def test_auto_does_not_serve_another_model_from_the_volume_that_runs() -> None:
    world = using("auto")
    world.put(MODELMIRRORS, mirror("c"))
    started(world)
    live = world.objects[(str(WORKSPACES), KEY)]
    live["inference"] = {"preset": {"name": "smollm2-135m-instruct"}}
    pod = started(world)
    assert pod is not None
    assert pod["initContainers"]
    assert "persistentVolumeClaim" not in weights_volume(pod)


def test_a_pod_that_answers_goes_on_when_its_mirror_goes() -> None:
    world = using("phi")
    world.put(MODELMIRRORS, mirror())
    before = started(world)
    world.start_pod(phase="Running", conditions=[{"type": "Ready", "status": "True"}])
    settled(world)
    assert world.ready[0] == "True"
    del world.objects[(str(MODELMIRRORS), Key("", "phi"))]
    assert started(world) == before
    assert world.ready[0] == "True"


def test_the_condition_goes_with_the_annotation() -> None:
    world = using("phi")
    world.put(MODELMIRRORS, mirror())
    started(world)
    types = {c.type for c in world.observe().workspace.status.conditions}
    assert "ModelMirrorReady" in types
    world.objects[(str(WORKSPACES), KEY)]["metadata"]["annotations"] = {}
    settled(world)
    types = {c.type for c in world.observe().workspace.status.conditions}
    assert "ModelMirrorReady" not in types
