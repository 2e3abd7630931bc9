"""ModelMirrors on a whole plane: a volume that a Workspace mounts, buckets that it fetches from."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from bucket_server import LOGIN, BucketServer, running_bucket_server
from msgspec.structs import replace
from planes import RunningPlane, running_plane

from kaito.api.weight_source import S3Source

pytestmark = pytest.mark.timeout(240)

MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"


def _safetensors(size: int) -> bytes:
    tensor = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
    header = json.dumps({"weight": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(size)


FILES = {
    "config.json": b'{"architectures": ["LlamaForCausalLM"]}',
    "model.safetensors": _safetensors(100_000),
    "tokenizer.json": b"{}",
}
PICKLED = {
    "config.json": FILES["config.json"],
    "pytorch_model.bin": b"not even a pickle",
    "tokenizer.json": b"{}",
}
"""A repository that was never converted."""


class _Hub(BaseHTTPRequestHandler):
    """As much of a hub as a download asks for."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if "/revision/" in path:
            self._answer(json.dumps({"sha": "abc"}).encode())
        elif "/tree/abc" in path:
            files = PICKLED if "Qwen" in path else FILES
            self._answer(json.dumps([_entry(name, files[name]) for name in files]).encode())
        else:
            self._answer({**FILES, **PICKLED}[path.rpartition("/")[2]])

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


def _entry(name: str, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return {"type": "file", "path": name, "oid": digest.hexdigest(), "size": len(content)}


@contextmanager
def _hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlane]:
    state = tmp_path_factory.mktemp("mirrors") / "state"
    with _hub() as hub, running_plane(state, HF_ENDPOINT=hub) as plane:
        yield plane


def _apply(plane: RunningPlane, *manifests: dict[str, Any]) -> None:
    stdin = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
    plane.kubectl("apply", "-f", "-", stdin=stdin)


def _mirror(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "ModelMirror",
        "metadata": {"name": name},
        "spec": spec,
    }


def test_weights_are_mirrored_mounted_and_given_back(plane: RunningPlane) -> None:
    source = {"registry": "huggingface", "modelID": MODEL}
    storage = {"size": "1Gi", "storageClassName": "any"}
    _apply(plane, _mirror("smol", source=source, storage=storage, jobNamespace="default"))
    plane.kubectl("wait", "modelmirror/smol", "--for=condition=Ready", "--timeout=60s")
    status = plane.get("modelmirror", "smol")["status"]
    assert status["phase"] == "Ready"
    assert status["conditions"][0] == {
        **status["conditions"][0],
        "type": "StorageReady",
        "status": "True",
        "reason": "PVCBound",
    }
    folder = _volume(plane.state, "smol") / status["modelPath"]
    assert {f.name for f in folder.iterdir() if f.name in FILES} == set(FILES)
    _check_workspace(plane, status["modelPath"])
    plane.kubectl("delete", "modelmirror/smol", "--timeout=30s")
    plane.kubectl("wait", "pvc/smol", "--for=delete", "--timeout=30s")
    plane.kubectl("wait", "job/smol-download-1", "--for=delete", "--timeout=30s")


def _check_workspace(plane: RunningPlane, path: str) -> None:
    workspace = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "w", "annotations": {"kaito.sh/model-mirror": "smol"}},
        "resource": {"labelSelector": {"matchLabels": {"apps": "w"}}},
        "inference": {"preset": {"name": "smollm2-135m-instruct"}},
    }
    _apply(plane, workspace)
    plane.kubectl("wait", "statefulset/w", "--for=create", "--timeout=60s")
    pod = plane.get("statefulset", "w")["spec"]["template"]["spec"]
    assert "initContainers" not in pod
    claims = [v["persistentVolumeClaim"] for v in pod["volumes"] if "persistentVolumeClaim" in v]
    assert claims == [{"claimName": "smol", "readOnly": True}]
    (mount,) = [m for m in pod["containers"][0]["volumeMounts"] if m.get("subPath") == path]
    assert mount["readOnly"]
    condition = "jsonpath={.status.conditions[?(@.type=='ModelMirrorReady')].status}"
    found = plane.kubectl("get", "workspace", "w", "-o", condition).out
    assert found == "True"
    told = plane.kaito("status", "w", check=False)
    assert told.out.startswith("default/w  Pending")
    told = plane.kaito("status", "w", "-o", "json", check=False)
    assert json.loads(told.out)["state"] == "Pending"
    plane.kubectl("delete", "workspace/w", "--timeout=60s")


def _volume(state: Path, claim: str) -> Path:
    return state / "volumes" / "default" / claim


def test_a_mirror_of_what_no_hub_has_says_why(plane: RunningPlane) -> None:
    source = {
        "registry": "huggingface",
        "modelID": "org/gated",
        "accessSecret": {"name": "token", "namespace": "elsewhere"},
    }
    storage = {"size": "1Gi", "storageClassName": "any"}
    _apply(plane, _mirror("gated", source=source, storage=storage))
    plane.kubectl("wait", "modelmirror/gated", "--for=condition=Ready=False", "--timeout=30s")
    (condition,) = [
        c for c in plane.get("modelmirror", "gated")["status"]["conditions"] if c["type"] == "Ready"
    ]
    assert condition["reason"] == "InvalidSpec"
    assert "copy it there" in condition["message"]
    plane.kubectl("delete", "modelmirror/gated", "--timeout=30s")


def test_pickled_weights_are_fetched_only_for_a_workspace_that_asks_for_them(
    plane: RunningPlane,
) -> None:
    name = "qwen2.5-0.5b-instruct"
    workspace = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "pickled"},
        "resource": {"labelSelector": {"matchLabels": {"apps": "pickled"}}},
        "inference": {"preset": {"name": name}},
    }
    _apply(plane, workspace)
    plane.kubectl("wait", "pod/pickled-0", "--for=create", "--timeout=60s")
    told = "jsonpath={.status.conditions[?(@.type=='InferenceReady')].message}"
    refused = ""
    for _ in range(60):
        refused = plane.kubectl("get", "workspace", "pickled", "-o", told).out
        if "pytorch_model.bin" in refused:
            break
        plane.kubectl("wait", "workspace/pickled", "--for=delete", "--timeout=1s", check=False)
    assert "pickled ones such as pytorch_model.bin" in refused
    assert 'kaito.sh/allow-pickle: "true"' in refused
    plane.kubectl("annotate", "workspace/pickled", "kaito.sh/allow-pickle=true")
    folder = plane.state / "models" / name
    for _ in range(60):
        if (folder / "kaito-weights.json").is_file():
            break
        plane.kubectl("wait", "workspace/pickled", "--for=delete", "--timeout=1s", check=False)
    plane.kubectl("delete", "workspace/pickled", "--timeout=60s")
    assert (folder / "pytorch_model.bin").read_bytes() == PICKLED["pytorch_model.bin"]


@pytest.fixture(scope="module")
def bucket_server() -> Iterator[BucketServer]:
    with running_bucket_server() as server:
        yield server


def _secret(name: str, **values: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def _storage(source: S3Source, secret: str) -> dict[str, Any]:
    bucket = {"url": source.url, "endpoint": source.endpoint, "region": source.region}
    return {"bucket": {**bucket, "secretName": secret}}


def test_a_bucket_is_filled_once_and_workspaces_fetch_from_it(
    plane: RunningPlane, bucket_server: BucketServer
) -> None:
    bucket = bucket_server.make_bucket("mirrors")
    storage = _storage(bucket, "s3-login")
    source = {"registry": "huggingface", "modelID": MODEL}
    _apply(plane, _secret("s3-login", **LOGIN), _mirror("far", source=source, storage=storage))
    plane.kubectl("wait", "modelmirror/far", "--for=condition=Ready", "--timeout=60s")
    status = plane.get("modelmirror", "far")["status"]
    assert status["modelPath"] == "s3://mirrors/models/tiny"
    found = {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}
    assert found == {
        "StorageReady": ("True", "BucketReady"),
        "Ready": ("True", "DownloadSucceeded"),
    }
    assert bucket_server.names(bucket) == {*FILES, "kaito-mirror.json"}
    assert bucket_server.read(bucket, "model.safetensors") == FILES["model.safetensors"]
    assert plane.kubectl("get", "pvc", "-o", "name").out == ""
    record = _fetch(plane, "smollm2-135m-instruct", mirror="far")
    assert record["source"].startswith("s3://mirrors/models/tiny?endpoint=http://127.0.0.1:")
    assert record["revision"] == "abc"
    plane.kubectl("delete", "modelmirror/far", "--timeout=30s")
    assert bucket_server.names(bucket), "what is in a bucket stays"


def _fetch(plane: RunningPlane, preset: str, *, mirror: str) -> dict[str, Any]:
    """A Workspace that is there until its weights are; what is noted of them."""
    workspace = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "far", "annotations": {"kaito.sh/model-mirror": mirror}},
        "resource": {"labelSelector": {"matchLabels": {"apps": "far"}}},
        "inference": {"preset": {"name": preset}},
    }
    _apply(plane, workspace)
    noted = plane.state / "models" / preset / "kaito-weights.json"
    for _ in range(60):
        if noted.is_file():
            break
        plane.kubectl("wait", "workspace/far", "--for=delete", "--timeout=1s", check=False)
    plane.kubectl("delete", "workspace/far", "--timeout=60s")
    record: dict[str, Any] = json.loads(noted.read_bytes())
    return record


def test_a_bucket_that_somebody_filled_is_looked_at_before_anybody_uses_it(
    plane: RunningPlane, bucket_server: BucketServer
) -> None:
    bucket = bucket_server.make_bucket("theirs")
    for name, content in FILES.items():
        bucket_server.put(bucket, name, content)
    cut = replace(bucket, prefix="models/cut")
    for name, content in FILES.items():
        bucket_server.put(cut, name, content[:-1] if name == "model.safetensors" else content)
    _apply(
        plane,
        _secret("s3-login", **LOGIN),
        _mirror("theirs", mode="Static", storage=_storage(bucket, "s3-login")),
        _mirror("cut", mode="Static", storage=_storage(cut, "s3-login")),
        _mirror(
            "nowhere", mode="Static", storage=_storage(replace(cut, bucket="no-such"), "s3-login")
        ),
    )
    plane.kubectl("wait", "modelmirror/theirs", "--for=condition=Ready", "--timeout=60s")
    assert _ready(plane, "theirs")["reason"] == "StaticMirror"
    assert "tensors need" in _wait_told(plane, "cut", "is damaged")
    assert "'no-such'" in _wait_told(plane, "nowhere", "there is no bucket")
    plane.kubectl("delete", "modelmirror", "--all", "--timeout=30s")


def _ready(plane: RunningPlane, name: str) -> dict[str, Any]:
    found = plane.get("modelmirror", name).get("status", {}).get("conditions", [])
    return next((c for c in found if c["type"] == "Ready"), {"message": ""})


def _wait_told(plane: RunningPlane, name: str, words: str) -> str:
    """The mirror's message once it has these words."""
    for _ in range(60):
        if words in (said := _ready(plane, name)["message"]):
            return str(said)
        plane.kubectl("wait", f"modelmirror/{name}", "--for=delete", "--timeout=1s", check=False)
    raise AssertionError(f"{words!r} is not said: {_ready(plane, name)}")
