"""Annotations that protect an endpoint, as they reach the pod."""

import pytest

from kaito.api import labels
from kaito.api.meta import ObjectMeta
from kaito.api.workspace import Workspace
from kaito.render.protection import protection_arguments, protection_mounts, protection_volumes


def annotated(**annotations: str) -> Workspace:
    keys = {"secret": labels.API_KEYS_SECRET, "waiting": labels.MAX_WAITING}
    found = {keys[name]: value for name, value in annotations.items()}
    return Workspace(metadata=ObjectMeta(name="w", annotations=found))


def test_without_annotations_nothing_is_mounted_and_nothing_said() -> None:
    assert protection_arguments(annotated()) == {}
    assert protection_volumes(annotated()) == []
    assert protection_mounts(annotated()) == []


def test_the_secret_is_a_folder_that_the_server_reads_and_the_pod_does_not_wait_for() -> None:
    workspace = annotated(secret="keys")
    (volume,), (mount,) = protection_volumes(workspace), protection_mounts(workspace)
    assert volume["secret"] == {"secretName": "keys", "optional": True}
    assert mount["name"] == volume["name"]
    assert "subPath" not in mount
    assert protection_arguments(workspace) == {"keys_folder": mount["mountPath"]}


@pytest.mark.parametrize(
    ("text", "waiting"), [("32", 32), ("-1", -1), ("0", None), ("x", None), ("9" * 5000, None)]
)
def test_a_bound_that_is_no_number_is_left_to_the_runtime(text: str, waiting: int | None) -> None:
    assert protection_arguments(annotated(waiting=text)).get("max_waiting") == waiting
