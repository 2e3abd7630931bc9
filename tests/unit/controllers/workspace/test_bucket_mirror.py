"""A Workspace whose weights are in a ModelMirror's bucket: fetched from there, with its login."""

import pytest
from tests.unit.controllers.workspace.test_mirror import (
    mirror,
    reason,
    started,
    told,
    using,
    weights_volume,
)
from tests.unit.controllers.workspace.world import KEY, World, settled

from kaito.api.core import STATEFULSETS
from kaito.api.meta import Key, Manifest
from kaito.api.modelmirror import MODELMIRRORS
from kaito.api.runtime import ServingArguments, WeightsArguments

BUCKET = {"bucket": {"url": "s3://models/phi", "secretName": "s3"}}


def fetching(pod: Manifest) -> WeightsArguments:
    (container,) = pod["initContainers"]
    return WeightsArguments.parse_argv(container["args"])


def gone(world: World, name: str = "phi") -> None:
    del world.objects[(str(MODELMIRRORS), Key("", name))]


def test_the_pod_fetches_from_the_bucket_and_from_nowhere_else() -> None:
    world = using("phi")
    world.put(MODELMIRRORS, mirror(storage=BUCKET, jobNamespace="elsewhere"))
    pod = started(world)
    assert pod is not None, "a bucket can be read from every namespace"
    asked = fetching(pod)
    assert asked.source == ("s3://models/phi?sealed=true",)
    (server,) = pod["containers"]
    assert ServingArguments.parse_argv(server["args"]).model.endswith(f"/{asked.key}")
    assert "persistentVolumeClaim" not in weights_volume(pod)
    (container,) = pod["initContainers"]
    secrets = {one["valueFrom"]["secretKeyRef"]["name"] for one in container["env"][-4:]}
    assert secrets == {"s3"}
    said = "the weights are those of ModelMirror phi, read with Secret default/s3"
    assert told(world) == said, "only the pod may look whether it is there"


def test_an_account_with_a_role_stands_for_a_secret() -> None:
    world = using("phi")
    storage = {"bucket": {"url": "s3://models/phi"}}
    world.put(MODELMIRRORS, mirror(storage=storage, serviceAccountName="streamer"))
    pod = started(world)
    assert pod is not None
    assert pod["serviceAccountName"] == "streamer"
    assert pod["automountServiceAccountToken"] is False, "a cloud's webhook brings its own"


@pytest.mark.parametrize(
    ("login", "secrets", "account"),
    [
        ({"readerSecretName": "s3-read"}, {"s3-read"}, None),
        ({"readerServiceAccountName": "reader"}, set(), "reader"),
    ],
    ids=["a Secret", "an account"],
)
def test_a_reader_has_neither_the_secret_nor_the_account_of_who_fills(
    login: dict[str, str], secrets: set[str], account: str | None
) -> None:
    world = using("phi")
    storage = {"bucket": {**BUCKET["bucket"], **login}}
    world.put(MODELMIRRORS, mirror(storage=storage, serviceAccountName="filler"))
    pod = started(world)
    assert pod is not None
    (container,) = pod["initContainers"]
    named = [one.get("valueFrom", {}).get("secretKeyRef", {}) for one in container["env"]]
    assert {one["name"] for one in named if one} == secrets
    assert pod.get("serviceAccountName") == account
    settled(world)
    assert world.objects[(str(STATEFULSETS), KEY)]["spec"]["template"]["spec"] == pod


def test_it_is_waited_for_while_it_is_filled() -> None:
    world = using("phi")
    world.put(MODELMIRRORS, mirror(storage=BUCKET, ready=False))
    assert started(world) is None
    assert reason(world)[0] == "ModelMirrorNotReady"


def test_auto_prefers_a_volume_and_leaves_other_namespaces_logins_alone() -> None:
    world = using("auto")
    world.put(MODELMIRRORS, mirror("a-bucket", storage=BUCKET))
    world.put(MODELMIRRORS, mirror("b-volume"))
    pod = started(world)
    assert pod is not None
    assert weights_volume(pod)["persistentVolumeClaim"]["claimName"] == "b-volume"
    other = using("auto")
    other.put(MODELMIRRORS, mirror(storage=BUCKET, jobNamespace="elsewhere"))
    pod = started(other)
    assert pod is not None
    assert fetching(pod).source[0].startswith("hub:")


@pytest.mark.parametrize("name", ["phi", "auto"])
def test_what_runs_does_not_change_when_nothing_changed(name: str) -> None:
    world = using(name)
    world.put(MODELMIRRORS, mirror(storage=BUCKET))
    pod = started(world)
    assert pod is not None
    settled(world)
    assert world.objects[(str(STATEFULSETS), KEY)]["spec"]["template"]["spec"] == pod


def test_what_runs_stays_as_it_is_when_its_mirror_is_gone() -> None:
    world = using("auto")
    world.put(MODELMIRRORS, mirror(storage=BUCKET))
    pod = started(world)
    gone(world)
    settled(world)
    assert world.objects[(str(STATEFULSETS), KEY)]["spec"]["template"]["spec"] == pod
    assert told(world).startswith("the weights are those of s3://models/phi, whose ModelMirror is")
