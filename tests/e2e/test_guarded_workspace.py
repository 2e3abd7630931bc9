"""A Workspace in a plane, as `kaito up` starts it: embeddings, API keys that rotate, a bad change.

One plane and one engine serve the module; the model is one that writes text and is told to embed.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from planes import RunningPlane, running_plane
from serving_engines import KEY, put_real_model

pytestmark = [pytest.mark.extended, pytest.mark.timeout(600)]

NAME, KEYS, OPTIONS = "guarded", "guarded-keys", "guarded-options"
ROTATED_SECONDS = 90
TAKES_EFFECT_SECONDS = 60
POOLING = "vllm: {runner: pooling, convert: embed, max-model-len: 512}\n"
NONSENSE = "vllm: {max-modle-len: 512}\n"
MANIFEST = f"""
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata:
  name: {NAME}
  annotations: {{kaito.sh/api-keys-secret: {KEYS}}}
resource: {{instanceType: Standard_NC6s_v3, labelSelector: {{matchLabels: {{apps: {NAME}}}}}}}
inference:
  preset: {{name: {KEY}}}
  config: {OPTIONS}
"""


def apply_options(plane: RunningPlane, text: str) -> None:
    """Create or change the ConfigMap."""
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": OPTIONS},
        "data": {"inference_config.yaml": text},
    }
    plane.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))


def apply_keys(plane: RunningPlane, **keys: str) -> None:
    """Create the Secret as a user does, or replace all its values."""
    literals = [f"--from-literal={name}={value}" for name, value in keys.items()]
    made = plane.kubectl(
        *("create", "secret", "generic", KEYS, *literals, "--dry-run=client", "-o", "yaml")
    )
    plane.kubectl("apply", "-f", "-", stdin=made.out)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlane]:
    weights = tmp_path_factory.mktemp("weights")
    put_real_model(weights)
    with running_plane(tmp_path_factory.mktemp("plane") / "state") as plane:
        plane.kaito("models", "import", KEY, str(weights / KEY))
        apply_keys(plane, alice="sk-old")
        apply_options(plane, POOLING)
        plane.kubectl("apply", "-f", "-", stdin=MANIFEST)
        ready = ("wait", f"workspace/{NAME}", "--for=condition=WorkspaceReady", "--timeout=300s")
        plane.kubectl(*ready, timeout=310)
        yield plane


@pytest.fixture(scope="module")
def url(plane: RunningPlane) -> str:
    service = plane.get("service", NAME)
    reachable = service["metadata"].get("annotations", {}).get("kaito.sh/reachable-at")
    return str(reachable or f"http://{service['spec']['clusterIP']}:80")


def embed(url: str, *texts: str, key: str = "sk-old") -> list[list[float]]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        made = client.embeddings.create(model=KEY, input=list(texts))
    return [one.embedding for one in made.data]


def likeness(one: list[float], other: list[float]) -> float:
    """The cosine, of vectors of length 1."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def status_of(url: str, key: str) -> int:
    request = urllib.request.Request(
        f"{url}/v1/models", headers={"Authorization": f"Bearer {key}"} if key else {}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def wait_for_status(url: str, key: str, status: int) -> None:
    deadline = time.monotonic() + ROTATED_SECONDS
    while status_of(url, key) != status:
        assert time.monotonic() < deadline, f"{key} does not get {status}"
        time.sleep(0.5)


def conditions(plane: RunningPlane) -> dict[str, Any]:
    found = plane.get("workspace", NAME)["status"]["conditions"]
    return {condition["type"]: condition for condition in found}


def test_texts_become_vectors_that_are_near_where_their_meaning_is(
    plane: RunningPlane, url: str
) -> None:
    near, same, far = embed(
        url,
        "The cat sleeps on the sofa.",
        "A cat is sleeping on the couch.",
        "Interest rates rose by two percent in March.",
    )
    assert len(near) == 576
    assert abs(likeness(near, near) - 1) < 1e-2
    assert likeness(near, same) > likeness(near, far)
    assert likeness(near, same) > likeness(same, far)
    (again,) = embed(url, "The cat sleeps on the sofa.")
    assert likeness(again, near) > 0.999


def test_whoever_wants_to_chat_with_it_is_told_in_one_line(plane: RunningPlane, url: str) -> None:
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="sk-old", max_retries=0) as client,
        pytest.raises(openai.BadRequestError, match=r"does not write text.*/v1/embeddings"),
    ):
        client.chat.completions.create(model=KEY, messages=[{"role": "user", "content": "Hi"}])
    request = urllib.request.Request(
        f"{url}/chat", b'{"prompt": "Hi"}', {"Authorization": "Bearer sk-old"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request):
        pass
    with refused.value as error:
        assert b"does not write text" in error.read()
    for command in (
        ("chat", NAME, "Hello", "--api-key", "sk-old"),
        ("bench", NAME, "--api-key", "sk-old"),
    ):
        done = plane.kaito(*command, check=False)
        assert done.code != 0
        (line,) = [line for line in done.err.splitlines() if "does not write text" in line]
        assert "Traceback" not in done.err
        assert line


def test_keys_rotate_without_a_restart(plane: RunningPlane, url: str) -> None:
    before = plane.get("pod", f"{NAME}-0")["metadata"]["uid"]
    assert [status_of(url, key) for key in ("", "sk-old", "sk-new")] == [401, 200, 401]
    apply_keys(plane, alice="sk-old", bob="sk-new")
    wait_for_status(url, "sk-new", 200)
    assert status_of(url, "sk-old") == 200
    apply_keys(plane, bob="sk-new")
    wait_for_status(url, "sk-old", 401)
    assert status_of(url, "sk-new") == 200
    apply_keys(plane, alice="sk-old", bob="sk-new")
    wait_for_status(url, "sk-old", 200)
    pod = plane.get("pod", f"{NAME}-0")
    assert pod["metadata"]["uid"] == before
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_configuration_that_turns_to_nonsense_changes_nothing_but_the_status(
    plane: RunningPlane, url: str
) -> None:
    before = plane.get("pod", f"{NAME}-0")["metadata"]["uid"]
    apply_options(plane, NONSENSE)
    try:
        wait_until_said(plane, "max-modle-len", is_said=True)
        assert plane.get("pod", f"{NAME}-0")["metadata"]["uid"] == before
        assert embed(url, "Still here.")
    finally:
        apply_options(plane, POOLING)
    wait_until_said(plane, "max-modle-len", is_said=False)
    assert plane.get("pod", f"{NAME}-0")["metadata"]["uid"] == before
    assert conditions(plane)["WorkspaceReady"]["status"] == "True"


def wait_until_said(plane: RunningPlane, text: str, *, is_said: bool) -> None:
    """Until the conditions say it, or no longer do."""
    deadline = time.monotonic() + TAKES_EFFECT_SECONDS
    while any(text in one.get("message", "") for one in conditions(plane).values()) is not is_said:
        assert time.monotonic() < deadline, conditions(plane)
        time.sleep(0.5)
