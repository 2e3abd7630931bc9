"""From nothing to an answer with the real engine, the real model, kubectl, helm and openai.

One plane and two workspaces serve the whole module: an engine takes half a minute to start on a
small machine. Tests may run in any order; each leaves both workspaces as it found them.
"""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_tools
import openai
import pytest
from planes import RunningPlane, describe_plane
from tiny_models import make_tiny_phi3

from kaito.local.node.process import MARK, mark_of

ROOT = Path(__file__).resolve().parents[2]
SMALL = "smollm2"
PHI = "workspace-phi-3-mini"

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningPlane, str]]:
    """The quick start of the README in a fresh state folder, and what it printed."""
    plane = describe_plane(tmp_path_factory.mktemp("e2e") / "state")
    try:
        yield plane, _quickstart(plane)
    finally:
        plane.kaito("down", check=False)


def _quickstart(plane: RunningPlane) -> str:
    done = subprocess.run(
        [ROOT / "tools" / "quickstart.sh"],
        env=plane.environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def plane(quickstart: tuple[RunningPlane, str]) -> RunningPlane:
    return quickstart[0]


@pytest.fixture(scope="module")
def phi(plane: RunningPlane, tmp_path_factory: pytest.TempPathFactory) -> RunningPlane:
    """The founding page's first manifest, verbatim, on a tiny Phi-3 that was imported."""
    tokenizer = plane.state / "models" / "smollm2-135m-instruct"
    folder = make_tiny_phi3(tmp_path_factory.mktemp("phi"), tokenizer=tokenizer)
    plane.kaito("models", "import", "phi-3-mini-4k-instruct", str(folder))
    plane.kubectl("apply", "-f", str(ROOT / "examples" / "02-phi-3" / "workspace.yaml"))
    ready = ("wait", f"workspace/{PHI}", "--for=condition=WorkspaceReady", "--timeout=300s")
    plane.kubectl(*ready, timeout=310)
    return plane


def _address(plane: RunningPlane, name: str) -> str:
    service = plane.get("service", name)
    reachable = service["metadata"].get("annotations", {}).get("kaito.sh/reachable-at")
    return str(reachable or f"http://{service['spec']['clusterIP']}:80")


def _post(url: str, body: Any) -> Any:
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def test_the_quick_start_answers_and_shows_its_stages(
    quickstart: tuple[RunningPlane, str],
) -> None:
    _, printed = quickstart
    assert "Paris" in printed
    stages = re.findall(r"^\S*\s*(node|weights|engine|ready)\b", printed, re.MULTILINE)
    assert list(dict.fromkeys(stages)) == ["node", "weights", "engine", "ready"]


def test_a_second_quick_start_is_warm(plane: RunningPlane) -> None:
    assert "Paris" in _quickstart(plane)
    pod = plane.get("pod", f"{SMALL}-0")
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 0


def test_the_openai_client_chats_streams_completes_and_lists(plane: RunningPlane) -> None:
    client = openai.OpenAI(base_url=f"{_address(plane, SMALL)}/v1", api_key="none")
    with client:
        assert "smollm2-135m-instruct" in [model.id for model in client.models.list()]
        question: Any = [{"role": "user", "content": "What is the capital of France?"}]
        answer = client.chat.completions.create(
            model="smollm2-135m-instruct", messages=question, temperature=0, max_tokens=20
        )
        assert "Paris" in str(answer.choices[0].message.content)
        stream = client.chat.completions.create(
            model="smollm2-135m-instruct",
            messages=question,
            temperature=0,
            max_tokens=20,
            stream=True,
        )
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
        assert len(pieces) > 3
        assert "".join(pieces) == answer.choices[0].message.content
        completed = client.completions.create(
            model="smollm2-135m-instruct", prompt="One, two, three,", temperature=0, max_tokens=8
        )
        assert "four" in completed.choices[0].text


def test_the_old_chat_endpoint_takes_a_prompt_or_messages(plane: RunningPlane) -> None:
    chat = f"{_address(plane, SMALL)}/chat"
    short = {"max_new_tokens": 20, "do_sample": False}
    for body in (
        {"prompt": "What is the capital of France?", "generate_kwargs": short},
        {"messages": [{"role": "user", "content": "What is the capital of France?"}]},
    ):
        assert "Paris" in _post(chat, body)["Result"]


def test_the_founding_page_reads_line_by_line(phi: RunningPlane) -> None:
    header, row = phi.kubectl("get", "workspace", PHI).out.splitlines()
    assert header.split() == [
        "NAME",
        "INSTANCE",
        "RESOURCEREADY",
        "INFERENCEREADY",
        "JOBSTARTED",
        "WORKSPACEREADY",
        "AGE",
    ]
    assert row.split()[:5] == [PHI, "Standard_NC6s_v3", "True", "True", "True"]
    assert "80/TCP,29500/TCP" in phi.kubectl("get", "svc", PHI).out
    address = phi.kubectl("get", "svc", PHI, "-o", "jsonpath={.spec.clusterIPs[0]}").out
    assert address.startswith("127.")
    assert set(_post(f"{_address(phi, PHI)}/chat", {"prompt": "YOUR QUESTION HERE"})) == {"Result"}


def test_a_curl_pod_reaches_the_service_as_on_the_page(phi: RunningPlane) -> None:
    done = phi.kubectl(
        *("run", "-i", "--rm", "--restart=Never", "curl", "--image=curlimages/curl", "--"),
        *("curl", "-sS", "-X", "POST", f"{_address(phi, PHI)}/chat"),
        *("-H", "accept: application/json", "-H", "Content-Type: application/json"),
        *("-d", '{"prompt":"YOUR QUESTION HERE"}'),
    )
    assert '{"Result"' in done.out


def test_the_instance_type_is_said_to_be_emulated(phi: RunningPlane) -> None:
    assert "Standard_NC6s_v3 is emulated by this machine" in phi.kubectl("get", "events").out
    assert phi.get("nodes", "-l", "apps=phi-3")["items"]


def test_kubectl_describes_logs_explains_and_forwards(phi: RunningPlane) -> None:
    described = phi.kubectl("describe", "workspace", PHI).out
    assert "WorkspaceReady" in described
    assert "Events:" in described
    assert phi.kubectl("logs", f"{PHI}-0", "--tail=5").out.strip()
    assert "instanceType" in phi.kubectl("explain", "workspace.resource").out
    forward = subprocess.Popen(
        [
            str(kubernetes_tools.tool_path("kubectl")),
            "port-forward",
            f"svc/{PHI}",
            "0:80",
            "--address=127.0.0.1",
        ],
        env=phi.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert forward.stdout is not None
        found = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline())
        assert found is not None
        with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/v1/models", timeout=30) as got:
            assert "phi-3-mini-4k-instruct" in got.read().decode()
    finally:
        forward.terminate()
        forward.communicate(timeout=10)


def test_a_plane_that_was_killed_comes_back_with_the_same_engine(plane: RunningPlane) -> None:
    before = plane.get("pod", f"{SMALL}-0")
    engines = _engines(plane)
    holder = json.loads((plane.state / "plane.lock").read_text())
    os.kill(holder["pid"], signal.SIGKILL)
    plane.kaito("up", "--detach")
    ready = ("wait", f"workspace/{SMALL}", "--for=condition=WorkspaceReady", "--timeout=120s")
    plane.kubectl(*ready, timeout=130)
    after = plane.get("pod", f"{SMALL}-0")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert _engines(plane) == engines, "no orphan and no second engine"
    assert (
        "Paris"
        in _post(f"{_address(plane, SMALL)}/chat", {"prompt": "What is the capital of France?"})[
            "Result"
        ]
    )


def _engines(plane: RunningPlane) -> set[int]:
    """Process ids of everything that runs in this plane's containers, serving programs only."""
    mark = f"{MARK}={mark_of(plane.state)}".encode()
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            is_ours = entry.name.isdigit() and mark in (entry / "environ").read_bytes()
            if is_ours and b"kaito.runtimes.serving" in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def test_deleting_leaves_nothing_behind(plane: RunningPlane) -> None:
    """A workspace of its own on the transformers runtime: served, then gone with its processes."""
    manifest = (ROOT / "examples" / "01-first-model" / "workspace.yaml").read_text()
    manifest = manifest.replace("name: smollm2\n", "name: other\n", 1).replace(
        "  name: other\n", "  name: other\n  annotations: {kaito.sh/runtime: transformers}\n", 1
    )
    manifest = manifest.replace("apps: smollm2", "apps: other")
    before = _engines(plane)
    plane.kubectl("apply", "-f", "-", stdin=manifest)
    ready = ("wait", "workspace/other", "--for=condition=WorkspaceReady", "--timeout=300s")
    plane.kubectl(*ready, timeout=310)
    url = _address(plane, "other")
    assert "Paris" in _post(f"{url}/chat", {"prompt": "What is the capital of France?"})["Result"]
    plane.kubectl("delete", "workspace", "other", timeout=120)
    for kind in ("statefulset", "service", "pod", "nodeclaim", "node"):
        gone = ("wait", kind, "-l", "kaito.sh/workspace=other", "--for=delete", "--timeout=60s")
        plane.kubectl(*gone)
    assert _engines(plane) == before


def _shell_blocks(page: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("block", _shell_blocks("README.md")[1:], ids=["look", "serve", "plan"])
def test_the_readmes_commands_run(plane: RunningPlane, tmp_path: Path, block: str) -> None:
    """As written, but for the state folder, and for stopping the plane that others still use."""
    script = block.replace("$PWD/.kaito", str(plane.state)).replace("kaito down", "kaito status")
    # Port 80 may not be bound here; the page says where to look then.
    script = re.sub(r"http://\$\(kubectl [^)]*\)", _address(plane, SMALL), script)
    tools = kubernetes_tools.tool_path("kubectl").parent
    path = f"{Path(sys.executable).parent}:{tools}:{plane.environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=ROOT,
        env={**plane.environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_helm_installs_a_chart(plane: RunningPlane, tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: one\nversion: 0.1.0\n")
    (chart / "templates" / "config.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-helm}\n"
        "data: {key: {{ .Values.key | quote }}}\n"
    )
    assert 'key: "a"' in plane.helm("template", "r", str(chart), "--set", "key=a").out
    plane.helm("install", "r", str(chart), "--set", "key=a")
    plane.helm("upgrade", "r", str(chart), "--set", "key=b")
    assert plane.get("configmap", "from-helm")["data"] == {"key": "b"}
    plane.helm("uninstall", "r")
    assert plane.kubectl("get", "configmap", "from-helm", check=False).code == 1
