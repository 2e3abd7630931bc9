"""From a finished tuning to a Workspace that serves its adapter."""

from typing import Any

import msgspec
import pytest

from kaito.api.meta import Manifest
from kaito.api.validation import validate_workspace
from kaito.api.workspace import Workspace
from kaito.base.errors import KaitoError
from kaito.cli.tuning.promotion import adapter_of, add_adapter, check_promotable, render_serving

DIGEST = f"sha256:{'a' * 64}"


def tuned(state: str = "Succeeded", result: str = "", **tuning: Any) -> Workspace:
    document = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "teach", "namespace": "default"},
        "resource": {
            "instanceType": "Standard_NC24ads_A100_v4",
            "labelSelector": {"matchLabels": {"apps": "teach"}},
        },
        "tuning": {
            "preset": {"name": "phi-4"},
            "method": "qlora",
            "input": {"urls": ["https://example.com/a"]},
            "output": {"image": "localhost:5000/a/b:1", "imagePushSecret": "push"},
            **tuning,
        },
        "status": {"state": state, "tuning": {"result": result}},
    }
    return msgspec.convert(document, Workspace)


def adapter(found: Workspace) -> Manifest:
    assert found.tuning is not None
    return adapter_of(found, found.tuning, "teach")


def test_the_image_is_named_by_the_digest_that_was_pushed() -> None:
    for result in (f"localhost:5000/a/b@{DIGEST}", f"localhost:5000/a/b:1@{DIGEST}"):
        source = adapter(tuned(result=result))["source"]
        assert source["image"] == f"localhost:5000/a/b@{DIGEST}"
        assert source["imagePullSecrets"] == ["push"]
    assert adapter(tuned())["source"]["image"] == "localhost:5000/a/b:1"


def test_what_is_made_is_admitted_and_has_nodes_of_its_own() -> None:
    found = tuned(result=f"localhost:5000/a/b@{DIGEST}")
    manifest = render_serving(found, adapter(found), name="teach-serving")
    assert validate_workspace(msgspec.convert(manifest, Workspace)) == ()
    assert manifest["resource"]["labelSelector"]["matchLabels"] == {"apps": "teach-serving"}


def test_an_adapter_on_a_volume_keeps_its_volume() -> None:
    volume = {"persistentVolumeClaim": {"claimName": "results"}}
    found = tuned(output={"volumeSource": volume})
    assert adapter(found)["source"] == {"name": "teach", "volumeSource": volume}


def test_an_adapter_joins_those_that_are_served_and_replaces_its_own_name() -> None:
    found = tuned()
    serving = msgspec.convert(render_serving(found, adapter(found), name="s"), Workspace)
    other = {"source": {"name": "other", "image": "example.com/o:1"}}
    patch = add_adapter(serving, other, preset="phi-4")
    names = [each["source"]["name"] for each in patch["inference"]["adapters"]]
    assert names == ["teach", "other"]
    newer = {"source": {"name": "teach", "image": "example.com/n:2"}}
    patch = add_adapter(serving, newer, preset="phi-4")
    assert patch["inference"]["adapters"] == [newer]


def test_another_model_is_refused() -> None:
    found = tuned()
    serving = msgspec.convert(render_serving(found, adapter(found), name="s"), Workspace)
    with pytest.raises(KaitoError, match="serves phi-4, and the adapter is of mistral"):
        add_adapter(serving, adapter(found), preset="mistral")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (tuned("Running"), "has no adapter yet: it is running"),
        (tuned(method="full"), "its result is a model, not an adapter"),
    ],
)
def test_what_cannot_be_promoted_is_refused(found: Workspace, said: str) -> None:
    assert found.tuning is not None
    with pytest.raises(KaitoError, match=said):
        check_promotable(found, found.tuning)
