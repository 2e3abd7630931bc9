"""The founding page's tuning manifest, verbatim but for its placeholders: from kubectl to adapter.

huggingface.co is a loopback server behind a proxy that the plane, and so its pods, are told to use;
the preset's weights are a tiny Phi-3 that was imported; the registry is a real one.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import docker_registry
import pretend_hub
import pytest
import tuning_data
from planes import RunningPlane, running_plane
from tiny_models import make_tiny_phi3
from tuning_documents import push_secret

NAME = "workspace-phi-3-mini"
PRESET = "phi-3-mini-4k-instruct"
PARQUET = (
    "https://huggingface.co/datasets/philschmid/dolly-15k-oai-style"
    "/resolve/main/data/train-00000-of-00001-54e3756291ca09c6.parquet?download=true"
)
BYTES = "https://cas-bridge.xethub.hf.co/xet/dolly/54e37562?X-Amz-Signature=hidden"
"""Where the hub sends those who ask it for a large file."""
MANIFEST = """
apiVersion: kaito.sh/v1alpha1
kind: Workspace
metadata:
  name: workspace-phi-3-mini
resource:
  instanceType: "Standard_NC6s_v3"
  labelSelector:
    matchLabels:
      app: phi-3-adapter
tuning:
  preset:
    name: phi-3-mini-4k-instruct
  method: qlora
  input:
    urls:
      - "https://huggingface.co/datasets/philschmid/dolly-15k-oai-style/resolve/main/data/\
train-00000-of-00001-54e3756291ca09c6.parquet?download=true"
  output:
    image: "ACR_REPO_HERE.azurecr.io/IMAGE_NAME_HERE:0.0.1" # Tuning Output ACR Path
    imagePushSecret: ACR_REGISTRY_SECRET_HERE
"""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


@dataclass(frozen=True)
class Tuned:
    """A plane in which the manifest has come to its end."""

    plane: RunningPlane
    registry: str
    asked: list[str]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tuned]:
    """What the page says to do, and a wait for its end."""
    folder = tmp_path_factory.mktemp("seed")
    (folder / "registry").mkdir()
    data = tuning_data.write_parquet(folder / "train.parquet", _dolly())
    tokenizer = tuning_data.make_tokenizer(folder / "words")
    model = make_tiny_phi3(folder / "phi", tokenizer=tokenizer)
    site = pretend_hub.Site(files={BYTES: data}, redirects={PARQUET: BYTES})
    with (
        docker_registry.running_registry(folder / "registry", has_auth=True) as registry,
        pretend_hub.running_hub(folder, site) as hub,
        running_plane(folder / "state", **hub.environment) as plane,
    ):
        plane.kaito("models", "import", PRESET, str(model))
        secret = push_secret(registry, "registry-secret")
        plane.kubectl("apply", "-f", "-", stdin=json.dumps(secret))
        plane.kubectl("apply", "-f", "-", stdin=_filled_in(registry))
        ended = ("wait", f"workspace/{NAME}", "--for=condition=WorkspaceReady", "--timeout=240s")
        waited = plane.kubectl(*ended, check=False, timeout=250)
        assert waited.code == 0, plane.kubectl("describe", "workspace", NAME).out
        yield Tuned(plane=plane, registry=registry, asked=hub.asked)


def _dolly() -> tuple[dict[str, object], ...]:
    """Two dozen rows of the data set's form: `messages` with a system line that says its task."""
    rows = tuning_data.make_samples(documentation=16)[:24]
    system = {"role": "system", "content": "You are an assistant. Answer the question."}
    return tuple({"messages": [system, *_messages(row)]} for row in rows)


def _messages(row: dict[str, Any]) -> list[dict[str, str]]:
    return list(row["messages"])


def _filled_in(registry: str) -> str:
    return MANIFEST.replace(
        "ACR_REPO_HERE.azurecr.io/IMAGE_NAME_HERE", f"{registry}/phi-3-adapter"
    ).replace("ACR_REGISTRY_SECRET_HERE", "registry-secret")


def _is_true(workspace: Any, condition: str) -> bool:
    held = {one["type"]: one["status"] for one in workspace["status"]["conditions"]}
    return held.get(condition) == "True"


def test_the_manifest_of_the_page_succeeds(tuned: Tuned) -> None:
    workspace = tuned.plane.get("workspace", NAME)
    status = workspace["status"]
    assert status["state"] == "Succeeded"
    for condition in ("ResourceReady", "JobStarted", "WorkspaceReady", "WorkspaceSucceeded"):
        assert _is_true(workspace, condition), condition
    assert status["tuning"]["step"] == status["tuning"]["steps"] > 0
    job = tuned.plane.get("job", NAME)
    assert job["status"]["succeeded"] == 1


def test_the_data_came_from_the_address_as_it_is_written(tuned: Tuned) -> None:
    tunnels = ["CONNECT huggingface.co:443", "CONNECT cas-bridge.xethub.hf.co:443"]
    assert tuned.asked == [tunnels[0], PARQUET, tunnels[1], BYTES]
    assert "hidden" not in json.dumps(tuned.plane.get("workspace", NAME)["status"])


def test_the_adapter_is_in_the_registry_and_names_its_model(tuned: Tuned) -> None:
    result = tuned.plane.get("workspace", NAME)["status"]["tuning"]["result"]
    pattern = rf"{re.escape(tuned.registry)}/phi-3-adapter(:0\.0\.1)?@(sha256:[0-9a-f]{{64}})"
    named = re.fullmatch(pattern, result)
    assert named, result
    manifest, digest = docker_registry.read_manifest(tuned.registry, "phi-3-adapter", "0.0.1")
    assert digest == named[2]
    assert manifest["annotations"]["sh.kaito.model.name"] == PRESET


def test_kubectl_prints_the_columns_of_the_page(tuned: Tuned) -> None:
    header, row = tuned.plane.kubectl("get", "workspace", NAME).out.splitlines()
    table = [line.split() for line in (header, row)]
    page = ("NAME", "INSTANCE", "RESOURCEREADY", "INFERENCEREADY", "WORKSPACEREADY", "AGE")
    assert [name for name in table[0] if name in page] == list(page)
    # The column of a condition that tuning has not is empty, which no split can show.
    starts = {name: header.index(name) for name in table[0]}
    assert row[starts["NAME"] :].startswith(NAME)
    assert row[starts["INSTANCE"] :].startswith("Standard_NC6s_v3")
    for column in ("RESOURCEREADY", "JOBSTARTED", "WORKSPACEREADY"):
        assert row[starts[column] :].startswith("True"), column
