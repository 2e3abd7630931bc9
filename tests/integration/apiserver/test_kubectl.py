"""kubectl and helm themselves: if they are content, people's habits work."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.apiserver.api import deployment, widget, widgets
from tests.integration.apiserver.clients import Clients, serving_clients

SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]},
}
COLUMNS = [
    {"name": "Size", "type": "integer", "jsonPath": ".size"},
    {"name": "Ready", "type": "string", "jsonPath": ".status.ready"},
]


@pytest.fixture
async def clients(tmp_path: Path) -> AsyncIterator[Clients]:
    async with serving_clients(tmp_path) as clients:
        yield clients


@pytest.fixture
async def defined(clients: Clients) -> Clients:
    """With Widgets defined."""
    definition = json.dumps(widgets(additionalPrinterColumns=COLUMNS))
    await clients.kubectl("apply", "-f", "-", stdin=definition)
    await clients.kubectl("wait", "--for=condition=Established", "crd/widgets.example.com")
    return clients


@pytest.fixture
def chart(tmp_path: Path) -> str:
    folder = tmp_path / "chart"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: one\nversion: 0.1.0\n")
    (folder / "values.yaml").write_text("greeting: hello\n")
    (folder / "templates" / "map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n"
        "data: {greeting: {{ .Values.greeting }}}\n"
    )
    return str(folder)


async def test_apply_is_idempotent_in_both_modes(clients: Clients) -> None:
    manifest = json.dumps(deployment("web"))
    created = await clients.kubectl("apply", "-f", "-", stdin=manifest)
    assert created.out == "deployment.apps/web created\n"
    again = await clients.kubectl("apply", "-f", "-", stdin=manifest)
    assert again.out == "deployment.apps/web unchanged\n"
    await clients.kubectl("apply", "--server-side", "-f", "-", stdin=manifest)
    assert (await clients.kubectl("diff", "-f", "-", stdin=manifest)).out == ""
    changed = json.dumps(deployment("web", replicas=3))
    difference = await clients.kubectl("diff", "-f", "-", stdin=changed, check=False)
    assert difference.code == 1
    assert "+  replicas: 3" in difference.out
    rehearsed = await clients.kubectl("apply", "--dry-run=server", "-f", "-", stdin=changed)
    assert rehearsed.out == "deployment.apps/web configured (server dry run)\n"


async def test_typed_commands_that_send_protobuf(clients: Clients) -> None:
    await clients.kubectl("create", "configmap", "map", "--from-literal=a=b")
    await clients.kubectl("create", "secret", "generic", "secret", "--from-literal=a=b")
    await clients.kubectl("create", "deployment", "web", "--image=nginx", "--port=80")
    await clients.kubectl("create", "job", "once", "--image=busybox", "--", "true")
    await clients.kubectl("create", "namespace", "team")
    assert (await clients.kubectl("auth", "can-i", "delete", "nodes")).out == "yes\n"
    listed = await clients.kubectl("get", "cm,secret,deploy,job", "-o", "name")
    assert listed.out.split() == [
        "configmap/map",
        "secret/secret",
        "deployment.apps/web",
        "job.batch/once",
    ]
    secret = await clients.kubectl("get", "secret", "secret", "-o", "jsonpath={.data.a}")
    assert secret.out == "Yg=="


async def test_custom_resources_from_definition_to_deletion(defined: Clients) -> None:
    manifest = json.dumps(widget("one", size=5))
    await defined.kubectl("apply", "-f", "-", stdin=manifest)
    printed = (await defined.kubectl("get", "wd")).out.splitlines()
    assert printed[0].split() == ["NAME", "SIZE", "READY"]
    assert printed[1].split() == ["one", "5"]
    explained = (await defined.kubectl("explain", "widget.size")).out
    assert "FIELD: size <integer>" in explained
    await defined.kubectl(
        "patch", "wd", "one", "--subresource=status", "--type=merge", "-p",
        '{"status":{"ready":true}}',
    )  # fmt: skip
    await defined.kubectl("wait", "--for=jsonpath={.status.ready}=true", "wd/one", "--timeout=5s")
    described = (await defined.kubectl("describe", "wd", "one")).out
    assert "Ready:" in described
    await defined.kubectl("delete", "wd", "one", "--wait")
    assert (await defined.kubectl("get", "wd")).err.startswith("No resources found")


async def test_kinds_that_charts_bring_are_kept_and_printed(clients: Clients) -> None:
    await clients.kubectl("create", "clusterrole", "kaito:reader", "--verb=get", "--resource=pods")
    await clients.kubectl(
        "create", "clusterrolebinding", "all", "--clusterrole=kaito:reader",
        "--serviceaccount=default:kaito", "--user=ann",
    )  # fmt: skip
    await clients.kubectl("create", "role", "local", "--verb=get", "--resource=pods")
    await clients.kubectl("create", "rolebinding", "one", "--role=local", "--group=team")
    await clients.kubectl("create", "priorityclass", "high", "--value=1000")
    closed = {"podSelector": {"matchLabels": {"app": "a"}}, "policyTypes": ["Ingress"]}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": closed}
    manifest = json.dumps({**policy, "metadata": {"name": "closed"}})
    await clients.kubectl("apply", "-f", "-", stdin=manifest)
    rows = [
        line.split()[:2]
        for kind in ("clusterrolebinding", "rolebinding", "priorityclass", "netpol")
        for line in (await clients.kubectl("get", kind, "--no-headers")).out.splitlines()
    ]
    assert rows == [
        ["all", "ClusterRole/kaito:reader"],
        ["one", "Role/local"],
        ["high", "1000"],
        ["closed", "app=a"],
    ]
    wide = (await clients.kubectl("get", "clusterrolebinding", "-o", "wide", "--no-headers")).out
    assert wide.split()[-2:] == ["ann", "default/kaito"]
    described = (await clients.kubectl("describe", "clusterrole", "kaito:reader")).out
    assert "kaito:reader" in described


async def test_unknown_fields_are_refused_by_the_server(defined: Clients) -> None:
    manifest = json.dumps(widget("one", sise=5))
    refused = await defined.kubectl("apply", "-f", "-", stdin=manifest, check=False)
    assert 'strict decoding error: unknown field "sise"' in refused.err
    warned = await defined.kubectl("apply", "--validate=warn", "-f", "-", stdin=manifest)
    assert 'unknown field "sise"' in warned.err


async def test_editing_commands(clients: Clients) -> None:
    await clients.kubectl("apply", "-f", "-", stdin=json.dumps(deployment("web")))
    await clients.kubectl("scale", "deploy/web", "--replicas=4")
    await clients.kubectl("set", "image", "deploy/web", "main=busybox:2")
    await clients.kubectl("label", "deploy/web", "tier=front")
    await clients.kubectl("annotate", "deploy/web", "note=hi")
    await clients.kubectl("rollout", "restart", "deploy/web")
    live = json.loads((await clients.kubectl("get", "deploy", "web", "-o", "json")).out)
    assert live["spec"]["replicas"] == 4
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "busybox:2"
    assert live["metadata"]["labels"]["tier"] == "front"
    await clients.kubectl("expose", "deploy/web", "--port=80")
    ports = (await clients.kubectl("get", "svc", "web")).out
    assert "80/TCP" in ports


async def test_describe_reads_every_kind_it_knows(clients: Clients) -> None:
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "box"},
        "status": {
            "capacity": {"cpu": "2", "memory": "4Gi", "pods": "110"},
            "allocatable": {"cpu": "2", "memory": "3Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
    await clients.kubectl("create", "-f", "-", stdin=json.dumps(node))
    await clients.kubectl("run", "p", "--image=busybox")
    await clients.kubectl("create", "-f", "-", stdin=json.dumps(deployment("web")))
    await clients.kubectl("create", "-f", "-", stdin=json.dumps(SERVICE))
    for kind, name, said in (
        ("node", "box", "memory:  4Gi"),
        ("pod", "p", "QoS Class:"),
        ("deploy", "web", "Replicas:"),
        ("svc", "web", "TargetPort:"),
        ("ns", "default", "Status:"),
    ):
        assert said in (await clients.kubectl("describe", kind, name)).out
    await clients.kubectl("cordon", "box")
    assert "SchedulingDisabled" in (await clients.kubectl("get", "nodes")).out


async def test_waiting_is_told_of_changes(clients: Clients) -> None:
    await clients.kubectl("create", "cm", "one")
    await clients.kubectl("create", "cm", "two")
    async with asyncio.TaskGroup() as group:
        for wanted in ("jsonpath={.data.x}=1", "delete"):
            name = "two" if wanted == "delete" else "one"
            wait = ("wait", f"--for={wanted}", f"cm/{name}", "--timeout=30s")
            group.create_task(clients.kubectl(*wait))
        await clients.kubectl("patch", "cm", "one", "--type=merge", "-p", '{"data":{"x":"1"}}')
        await clients.kubectl("delete", "cm", "two")


async def test_questions_about_the_server(clients: Clients) -> None:
    version = json.loads((await clients.kubectl("version", "-o", "json")).out)
    assert version["serverVersion"]["gitVersion"].startswith("v1.34.")
    assert "apps/v1" in (await clients.kubectl("api-versions")).out.split()
    resources = (await clients.kubectl("api-resources", "--verbs=watch", "-o", "name")).out.split()
    assert "deployments.apps" in resources
    assert "is running at https://127.0.0.1" in (await clients.kubectl("cluster-info")).out
    assert (await clients.kubectl("get", "--raw", "/readyz")).out == "ok"


async def test_errors_are_kubernetes_own(clients: Clients) -> None:
    missing = await clients.kubectl("get", "pod", "nope", check=False)
    assert missing.err == 'Error from server (NotFound): pods "nope" not found\n'
    unknown = await clients.kubectl("get", "daemonsets", check=False)
    assert 'the server doesn\'t have a resource type "daemonsets"' in unknown.err
    manifest = '{"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d"}}'
    refused = await clients.kubectl("apply", "-f", "-", stdin=manifest, check=False)
    assert 'no matches for kind "DaemonSet" in version "apps/v1"' in refused.err
    nowhere = await clients.kubectl("create", "cm", "a", "-n", "nope", check=False)
    assert 'namespaces "nope" not found' in nowhere.err


async def test_helm_from_install_to_uninstall(clients: Clients, chart: str) -> None:
    async def greeting() -> str:
        return (await clients.kubectl("get", "cm", "one", "-o", "jsonpath={.data.greeting}")).out

    rendered = await clients.helm("template", "one", chart)
    assert "greeting: hello" in rendered.out
    await clients.helm("install", "one", chart, "--wait")
    assert "deployed" in (await clients.helm("list")).out
    assert await greeting() == "hello"
    await clients.helm("upgrade", "one", chart, "--set", "greeting=bye")
    assert await greeting() == "bye"
    await clients.helm("rollback", "one", "1")
    assert await greeting() == "hello"
    await clients.helm("uninstall", "one", "--wait")
    assert (await clients.kubectl("get", "cm,secret", "-o", "name")).out == ""
