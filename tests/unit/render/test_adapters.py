"""What adapters add to a pod and what its server is told, by source."""

from typing import Any

import msgspec
import pytest

from kaito.api import labels
from kaito.api.adapters import ADAPTERS_KEY, AdapterWish, parse_adapter_wishes
from kaito.api.core import StatefulSet
from kaito.api.meta import Manifest, ObjectMeta
from kaito.api.workspace import Workspace
from kaito.render.adapters import (
    NO_ADAPTERS,
    adapter_arguments,
    adapter_mounts,
    adapter_volumes,
    mounts_for,
    mounts_of,
    render_adapters_config,
    wish_for,
)

CLAIM: Manifest = {"persistentVolumeClaim": {"claimName": "c"}}


def _workspace(*adapters: Manifest) -> Workspace:
    document = {
        "metadata": {"name": "w", "namespace": "ml", "uid": "u"},
        "inference": {"preset": {"name": "phi-4"}, "adapters": list(adapters)},
    }
    return msgspec.convert(document, Workspace)


def _adapter(name: str, strength: str | None = None, **source: Any) -> Manifest:
    found: Manifest = {"source": {"name": name, **source}}
    return found if strength is None else {**found, "strength": strength}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({"image": "example.com/a:1"}, "oci:example.com/a:1"),
        ({"urls": ["hf://org/name"]}, "hub:org/name@main"),
        ({"urls": ["hf://org/name@v1.2"]}, "hub:org/name@v1.2"),
        ({"volumeSource": CLAIM}, "folder:/mnt/adapter/a"),
    ],
)
def test_each_source_is_told_in_the_spelling_of_weights(source: Manifest, told: str) -> None:
    (wish,) = wish_for(_workspace(_adapter("a", **source))).adapters
    assert wish == AdapterWish(name="a", source=told, strength=1.0)


@pytest.mark.parametrize(
    ("text", "number"), [("0.5", 0.5), ("5e-1", 0.5), ("1.", 1.0), (None, 1.0), ("", 1.0), ("x", 1)]
)
def test_strength_is_a_number(text: str | None, number: float) -> None:
    (wish,) = wish_for(_workspace(_adapter("a", text, image="r/a:1"))).adapters
    assert wish.strength == number


def test_the_list_does_not_depend_on_the_order_of_the_adapters() -> None:
    one, two = _adapter("a", image="r/a:1"), _adapter("b", image="r/b:1")
    written = render_adapters_config(_workspace(one, two))
    assert written == render_adapters_config(_workspace(two, one))
    assert written["metadata"]["name"] == "w-adapters"
    assert written["metadata"]["ownerReferences"][0]["uid"] == "u"
    listed = parse_adapter_wishes(written["data"][ADAPTERS_KEY])
    assert [wish.name for wish in listed.adapters] == ["a", "b"]


def test_without_adapters_a_pod_has_nothing_for_them() -> None:
    mounts = mounts_for(_workspace())
    assert mounts == NO_ADAPTERS
    assert (adapter_arguments(mounts), adapter_mounts(mounts)) == ({}, [])
    assert adapter_volumes(_workspace(), mounts) == []


def test_another_image_changes_nothing_about_the_pod() -> None:
    one = mounts_for(_workspace(_adapter("a", image="r/a:1")))
    assert one == mounts_for(_workspace(_adapter("b", image="r/b:2"), _adapter("c", image="r/c")))


def test_what_is_mounted_has_a_volume_and_no_sub_path() -> None:
    long = "a." * 40 + "a"
    workspace = _workspace(
        _adapter(long, volumeSource=CLAIM),
        _adapter("b", image="r/b", imagePullSecrets=["registry.example.com"]),
    )
    mounts = mounts_for(workspace)
    volumes = {volume["name"]: volume for volume in adapter_volumes(workspace, mounts)}
    found = adapter_mounts(mounts)
    assert {mount["name"] for mount in found} == set(volumes)
    assert all(len(name) <= 63 and "." not in name for name in volumes)
    assert not any("subPath" in mount for mount in found)
    paths = {mount["mountPath"]: mount.get("readOnly", False) for mount in found}
    assert paths == {
        "/mnt/adapters": True,
        "/mnt/fetched-adapters": False,
        f"/mnt/adapter/{long}": True,
        "/mnt/pull-secrets/registry.example.com": True,
    }
    (secret,) = (v["secret"] for v in volumes.values() if "secret" in v)
    assert secret == {"secretName": "registry.example.com", "optional": True}


def test_what_a_pod_has_is_read_back_exactly_from_its_stateful_set() -> None:
    mounts = mounts_for(_workspace(_adapter("a", volumeSource=CLAIM, imagePullSecrets=["s"])))
    annotations = {labels.ADAPTER_MOUNTS: mounts.to_json()}
    assert mounts_of(StatefulSet(metadata=ObjectMeta(annotations=annotations))) == mounts


def test_an_annotation_that_somebody_broke_counts_as_none() -> None:
    annotations = {labels.ADAPTER_MOUNTS: "{"}
    assert mounts_of(StatefulSet(metadata=ObjectMeta(annotations=annotations))) == NO_ADAPTERS


def test_what_is_wanted_now_wins_over_what_there_was() -> None:
    other: Manifest = {"persistentVolumeClaim": {"claimName": "other"}}
    old = mounts_for(
        _workspace(_adapter("a", volumeSource=CLAIM), _adapter("b", volumeSource=CLAIM))
    )
    new = mounts_for(_workspace(_adapter("a", volumeSource=other)))
    merged = new.merged(old)
    assert [(v.name, v.source) for v in merged.volumes] == [("a", other), ("b", CLAIM)]
