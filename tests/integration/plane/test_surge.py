"""An update of a running workspace on a whole plane: real processes, and no lost request."""

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from planes import RunningPlane, running_plane

pytestmark = pytest.mark.timeout(240)

SERVER = """
import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = os.environ["SAYS"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((os.environ["KAITO_POD_IP"], 8000), Page).serve_forever()
"""
EVERY = 0.05
"""Seconds between two requests."""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlane]:
    with running_plane(tmp_path_factory.mktemp("surge") / "state") as plane:
        yield plane


def workspace(says: str, *, program: str = SERVER) -> str:
    container = {
        "name": "server",
        "image": "example.com/server:1",
        "command": ["python3", "-c", program],
        "env": [{"name": "SAYS", "value": says}],
        "ports": [{"containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1},
    }
    return yaml.safe_dump(
        {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": "web", "annotations": {"kaito.sh/rollout": "surge"}},
            "resource": {
                "instanceType": "Standard_NC24ads_A100_v4",
                "labelSelector": {"matchLabels": {"apps": "web"}},
            },
            "inference": {
                "template": {
                    "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}
                }
            },
        }
    )


class Client:
    """Asks again and again, each time over a new connection, and keeps every answer."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ends = threading.Event()
        self.answers: list[str] = []
        self.failures: list[str] = []

    def ask(self) -> None:
        while not self._ends.is_set():
            try:
                with urllib.request.urlopen(self._url, timeout=5) as answer:
                    self.answers.append(answer.read().decode())
            except OSError as error:
                self.failures.append(f"after {len(self.answers)} answers: {error}")
            self._ends.wait(EVERY)

    def stop(self) -> None:
        self._ends.set()


@contextmanager
def asking(url: str) -> Iterator[Client]:
    client = Client(url)
    thread = threading.Thread(target=client.ask)
    thread.start()
    try:
        yield client
    finally:
        client.stop()
        thread.join()


def reachable_at(plane: RunningPlane) -> str:
    service = plane.get("service", "web")
    found = service["metadata"].get("annotations", {}).get("kaito.sh/reachable-at")
    return str(found or f"http://{service['spec']['clusterIP']}")


def wait_for(plane: RunningPlane, condition: str) -> None:
    plane.kubectl("wait", "workspace", "web", f"--for={condition}", "--timeout=60s")


def reason(text: str) -> str:
    return "jsonpath={.status.conditions[?(@.type=='InferenceReady')].reason}=" + text


@pytest.fixture
def running(plane: RunningPlane) -> Iterator[str]:
    plane.kubectl("apply", "-f", "-", stdin=workspace("one"))
    wait_for(plane, "condition=WorkspaceReady")
    yield reachable_at(plane)
    plane.kubectl("delete", "workspace", "web", "--timeout=60s")


def test_a_client_sees_no_failed_request_while_an_update_takes_over(
    plane: RunningPlane, running: str
) -> None:
    with asking(running) as client:
        plane.kubectl("apply", "-f", "-", stdin=workspace("two"))
        wait_for(plane, reason("RolloutProgressing"))
        wait_for(plane, reason("WorkspaceInferenceStatusSuccess"))
        plane.kubectl("wait", "pod/web-1", "--for=delete", "--timeout=60s")
        plane.kubectl("wait", "statefulset/web", "--for=jsonpath={.status.replicas}=1")
        seen = len(client.answers)
        until(lambda: len(client.answers) > seen + 5)
    assert client.failures == []
    assert len(client.answers) > 100
    assert client.answers == sorted(client.answers), "who got the new answer never got the old one"
    assert (client.answers[0], client.answers[-1]) == ("one", "two")


def test_an_update_that_crashes_is_told_of_and_the_old_one_answers(
    plane: RunningPlane, running: str
) -> None:
    with asking(running) as client:
        broken = workspace("three", program="raise SystemExit('no such model')")
        plane.kubectl("apply", "-f", "-", stdin=broken)
        wait_for(plane, reason("RolloutFailing"))
        told = plane.kubectl("get", "workspace", "web", "-o", "json").out
        plane.kubectl("apply", "-f", "-", stdin=workspace("one"))
        wait_for(plane, reason("WorkspaceInferenceStatusSuccess"))
    found = {c["type"]: c for c in json.loads(told)["status"]["conditions"]}
    assert found["WorkspaceReady"]["status"] == "True"
    assert "pod web-0 answers as before; the update fails" in found["InferenceReady"]["message"]
    assert client.failures == []
    assert set(client.answers) == {"one"}


def until(holds: object, *, seconds: float = 10.0) -> None:
    """Wait until a call says so."""
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never happens"
        threading.Event().wait(EVERY)


def test_the_list_of_adapters_reaches_a_pod_that_is_there(plane: RunningPlane) -> None:
    """The weights cannot be had here, so the pod waits for them all the while."""
    plane.kubectl("apply", "-f", "-", stdin=preset("one"))
    plane.kubectl("wait", "pod/lora-0", "--for=create", "--timeout=60s")
    uid = plane.get("pod", "lora-0")["metadata"]["uid"]
    until(lambda: "oci:example.com/one:1" in listed(plane, uid), seconds=30)
    plane.kubectl("apply", "-f", "-", stdin=preset("one", "two"))
    until(lambda: "oci:example.com/two:1" in listed(plane, uid), seconds=10)
    pod = plane.get("pod", "lora-0")
    assert pod["metadata"]["uid"] == uid, "a longer list needs no other pod"
    status = plane.get("workspace", "lora")["status"]
    assert [a["name"] for a in status["adapters"]] == ["one", "two"]
    assert {a["state"] for a in status["adapters"]} == {"Pending"}
    plane.kubectl("delete", "workspace", "lora", "--timeout=60s")


def listed(plane: RunningPlane, uid: str) -> str:
    """The file as the pod's mount shows it."""
    found = Path(plane.state, "pods", uid).rglob("adapters.json")
    return "".join(path.read_text() for path in found if path.is_file())


def preset(*adapters: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": "lora"},
            "resource": {
                "instanceType": "Standard_NC24ads_A100_v4",
                "labelSelector": {"matchLabels": {"apps": "lora"}},
            },
            "inference": {
                "preset": {"name": "smollm2-360m-instruct"},
                "adapters": [
                    {"source": {"name": name, "image": f"example.com/{name}:1"}}
                    for name in adapters
                ],
            },
        }
    )
