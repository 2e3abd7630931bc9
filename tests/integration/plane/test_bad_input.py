"""What people get wrong, on a whole plane: each ends in one line that says what to do."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from planes import RunningPlane, running_plane

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
REASON = "jsonpath={.status.conditions[?(@.type=='WorkspaceReady')].reason}"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlane]:
    with running_plane(tmp_path_factory.mktemp("bad") / "state") as plane:
        yield plane


def workspace(name: str, inference: object, **resource: object) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": name},
            "resource": {
                "instanceType": "Standard_NC24ads_A100_v4",
                "labelSelector": {"matchLabels": {"apps": name}},
                **resource,
            },
            "inference": inference,
        }
    )


def template(**container: object) -> object:
    probe = {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1}
    program = {"name": "server", "image": "example.com/any:1", "readinessProbe": probe, **container}
    return {"template": {"spec": {"terminationGracePeriodSeconds": 1, "containers": [program]}}}


REFUSED = {
    "unknown preset": (
        workspace("w", {"preset": {"name": "smolm2-135m"}}),
        "Unsupported inference preset name 'smolm2-135m'; did you mean smollm2",
    ),
    "unknown field": (
        workspace("w", {"presett": {"name": "phi-4"}}),
        'unknown field "inference.presett"',
    ),
    "neither": (workspace("w", None), "Either Inference or Tuning must be specified, not neither"),
    "unknown instance type": (
        workspace("w", {"preset": {"name": "phi-4"}}, instanceType="Standard_NC6s_v33"),
        "resource.instanceType: Unsupported instance type 'Standard_NC6s_v33'; did you mean",
    ),
    "gated model without a secret": (
        workspace("w", {"preset": {"name": "llama-3.1-8b-instruct"}}),
        "This preset requires authentication and needs a modelAccessSecret with HF_TOKEN key",
    ),
    "adapter without a source": (
        workspace("w", {"preset": {"name": "phi-4"}, "adapters": [{}]}),
        "inference.adapters[0].source: Source is required",
    ),
    "both": (
        workspace("w", {"preset": {"name": "phi-4"}})
        + "tuning: {preset: {name: phi-4}, method: lora, input: {image: a},"
        " output: {volumeSource: {emptyDir: {}}}}\n",
        "Either Inference or Tuning must be specified, but not both",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_manifest_is_refused(plane: RunningPlane, case: tuple[str, str]) -> None:
    manifest, said = case
    done = plane.kubectl("apply", "-f", "-", stdin=manifest, check=False)
    assert done.code == 1
    assert said in done.err
    assert plane.kubectl("get", "workspace", "w", check=False).code == 1


def test_what_was_stored_may_not_be_turned_into_something_else(plane: RunningPlane) -> None:
    inference = {"preset": {"name": "smollm2-135m-instruct"}, "config": "not-there-yet"}
    plane.kubectl("apply", "-f", "-", stdin=workspace("kept", inference))
    other = workspace("kept", {"preset": {"name": "phi-4"}})
    done = plane.kubectl("apply", "-f", "-", stdin=other, check=False)
    assert done.code == 1
    assert "inference.preset: " in done.err
    assert "field is immutable; delete the workspace and recreate it" in done.err
    plane.kubectl("label", "workspace", "kept", "still=editable")
    plane.kubectl("delete", "workspace", "kept")


SUFFERED = {
    "missing-command": (
        template(command=["no-such-program"]),
        "ContainerStartError",
        '"no-such-program": executable file not found in $PATH',
    ),
    "exits": (
        template(command=["sh", "-c", "exit 1"]),
        "ContainerCrashLoopBackOff",
        "ended with exit code 1",
    ),
    "never-ready": (
        template(command=["sleep", "3600"]),
        "ContainerNotReady",
        "its readiness probe does not pass",
    ),
    "image-only": (
        template(image="nginx:1.25"),
        "ImagePullError",
        "image nginx:1.25 cannot be run without a container engine",
    ),
    "too-large": (
        {
            "preset": {
                "name": "llama-3.3-70b-instruct",
                "presetOptions": {"modelAccessSecret": "hf-token"},
            }
        },
        "InsufficientMemory",
        "weights 131.4 GiB + KV cache",
    ),
    "no-weights": (
        {"preset": {"name": "qwen2.5-0.5b-instruct"}},
        "ModelUnavailable",
        "run: kaito models import qwen2.5-0.5b-instruct PATH",
    ),
    "no-config": (
        {"preset": {"name": "smollm2-135m-instruct"}, "config": "absent"},
        "ConfigNotFound",
        "ConfigMap default/absent",
    ),
}


@pytest.mark.parametrize("name", SUFFERED)
def test_a_failure_is_one_reason_with_a_next_step(plane: RunningPlane, name: str) -> None:
    inference, reason, said = SUFFERED[name]
    plane.kubectl("apply", "-f", "-", stdin=workspace(name, inference))
    # 15 s is what an unreachable source may take to be told.
    plane.kubectl("wait", f"workspace/{name}", f"--for={REASON}={reason}", "--timeout=15s")
    told = json.loads(plane.kaito("explain", name, "-o", "json").out)
    assert told["reason"] == reason
    assert said in told["message"]
    assert told["next"]
    plane.kubectl("delete", "workspace", name)


def test_a_workspace_goes_on_by_itself_when_its_weights_arrive(
    plane: RunningPlane, tmp_path: Path
) -> None:
    inference = {"preset": {"name": "qwen2.5-1.5b-instruct"}}
    plane.kubectl("apply", "-f", "-", stdin=workspace("late", inference))
    plane.kubectl("wait", "workspace/late", f"--for={REASON}=ModelUnavailable", "--timeout=15s")
    plane.kaito("models", "import", "qwen2.5-1.5b-instruct", str(_small_qwen(tmp_path / "qwen")))
    plane.kubectl("wait", "workspace/late", f"--for={REASON}=StartingEngine", "--timeout=60s")
    plane.kubectl("delete", "workspace", "late")


def _small_qwen(folder: Path) -> Path:
    """Files that have a model's form; nothing here lets an engine get as far as reading them."""
    folder.mkdir()
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "num_hidden_layers": 1,
        "hidden_size": 64,
        "num_attention_heads": 4,
        "max_position_embeddings": 2048,
        "vocab_size": 16,
    }
    (folder / "config.json").write_text(json.dumps(config))
    tensor = {"dtype": "BF16", "shape": [64], "data_offsets": [0, 128]}
    header = json.dumps({"model.norm.weight": tensor}).encode()
    weights = struct.pack("<Q", len(header)) + header + bytes(128)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "tokenizer.json").write_text("{}")
    return folder
