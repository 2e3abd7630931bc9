"""`get`, `describe`, `explain`, `logs` and the choice of the cluster."""

import asyncio
import json

import yaml
from tests.integration.cli.cluster import PATIENCE, Cluster
from tests.integration.cli.manifests import (
    PHI,
    config_yaml,
    inference,
    node_pending,
    ready,
    workspace_yaml,
)

from kaito.api.core import PODS
from kaito.api.workspace import WORKSPACES


async def test_a_list_has_the_columns_of_the_api(cluster: Cluster) -> None:
    assert (await cluster.kaito("get", "wk")).err == "No resources found in default namespace.\n"
    await cluster.kaito("apply", "-f", "-", stdin=workspace_yaml())
    await cluster.report(PHI, ready())
    headings, row = (await cluster.kaito("get", "workspaces")).out.splitlines()
    assert headings.split() == [
        "NAME",
        "INSTANCE",
        "RESOURCEREADY",
        "INFERENCEREADY",
        "JOBSTARTED",
        "WORKSPACEREADY",
        "AGE",
    ]
    assert row.split()[:5] == ["phi", "Standard_NC24ads_A100_v4", "True", "True", "True"]
    everywhere = await cluster.kaito("get", "workspace.kaito.sh", "-A")
    assert everywhere.out.split()[0] == "NAMESPACE"
    wide = await cluster.kaito("-n", "default", "get", "wk/phi", "-o", "wide")
    assert "STATE" in wide.out


async def _next(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        return (await process.stdout.readline()).decode().rstrip("\n")


async def test_a_watched_list_goes_on_with_a_line_for_each_change(cluster: Cluster) -> None:
    await cluster.kaito("apply", "-f", "-", stdin=workspace_yaml())
    watching = await cluster.start("get", "workspaces", "-w")
    headings, row = await _next(watching), await _next(watching)
    assert headings.split()[0] == "NAME"
    assert row.split()[:2] == ["phi", "Standard_NC24ads_A100_v4"]
    await cluster.report(PHI, ready())
    changed = await _next(watching)
    assert changed.split()[:5] == ["phi", "Standard_NC24ads_A100_v4", "True", "True", "True"]
    assert changed.index("Standard") == headings.index("INSTANCE"), "under the first heading"
    await cluster.client.delete(WORKSPACES, PHI)
    assert (await _next(watching)).split()[0] == "phi"
    watching.kill()
    await watching.communicate()


async def test_a_watch_of_one_object_prints_it_alone_and_from_nothing(cluster: Cluster) -> None:
    watching = await cluster.start("get", "cm", "a", "--watch", "-o", "name")
    table = await cluster.start("get", "cm", "-w")
    for name, value in (("b", "1"), ("a", "1"), ("a", "2")):
        await cluster.kaito("apply", "-f", "-", stdin=config_yaml(name, value))
    assert [await _next(watching) for _ in range(2)] == ["configmap/a", "configmap/a"]
    shown = [(await _next(table)).split()[0] for _ in range(4)]
    assert shown == ["NAME", "b", "a", "a"]
    for process in (watching, table):
        process.kill()
        await process.communicate()
    several = await cluster.kaito("get", "cm", "a", "b", "-w")
    assert several.code == 2
    assert "only one kind, or one object, can be watched" in several.err


async def test_objects_are_printed_whole(cluster: Cluster) -> None:
    for name in ("a", "b"):
        await cluster.kaito("apply", "-f", "-", stdin=config_yaml(name, "1"))
    one = json.loads((await cluster.kaito("get", "cm", "a", "-o", "json")).out)
    assert one["data"] == {"key": "1"}
    both = yaml.safe_load((await cluster.kaito("get", "cm", "a", "b", "-o", "yaml")).out)
    assert both["kind"] == "List"
    assert [item["kind"] for item in both["items"]] == ["ConfigMap", "ConfigMap"]
    names = await cluster.kaito("get", "cm,ns", "-o", "name")
    assert "configmap/a\nconfigmap/b\nnamespace/default\n" in names.out


async def test_several_kinds_are_told_apart(cluster: Cluster) -> None:
    await cluster.kaito("apply", "-f", "-", stdin=config_yaml("a", "1"))
    done = await cluster.kaito("get", "cm/a", "ns/default")
    assert "configmap/a" in done.out
    assert "\n\nNAME" in done.out
    assert "namespace/default" in done.out


async def test_what_is_not_there_is_named_with_what_is(cluster: Cluster) -> None:
    await cluster.kaito("apply", "-f", "-", stdin=config_yaml("settings", "1"))
    name = await cluster.kaito("get", "cm", "setting")
    assert name.code == 1
    assert name.err == 'error: configmaps "setting" not found\nhint: did you mean settings?\n'
    kind = await cluster.kaito("get", "workspce")
    assert kind.code == 1
    assert kind.err.startswith("error: the server has no resource type 'workspce'\nhint: did you")
    both = await cluster.kaito("get", "cm", "settings", "other")
    assert (both.code, "settings" in both.out, "other" in both.err) == (1, True, True)


async def test_describe_shows_fields_and_events(cluster: Cluster) -> None:
    await cluster.kaito("apply", "-f", "-", stdin=workspace_yaml())
    done = await cluster.kaito("describe", "wk", "phi")
    assert "Instance Type:  Standard_NC24ads_A100_v4" in done.out
    assert done.out.endswith("Events:       <none>\n")
    assert (await cluster.kaito("describe", "wk", "ph")).err.endswith("did you mean phi?\n")


async def test_explain_names_the_one_reason_and_the_next_step(cluster: Cluster) -> None:
    await cluster.kaito("apply", "-f", "-", stdin=workspace_yaml())
    await cluster.report(PHI, inference("ModelUnavailable", "no source has the weights"))
    first, message, look, then = (await cluster.kaito("explain", "phi")).out.splitlines()
    assert first.startswith("workspace default/phi: ModelUnavailable for ")
    assert message.strip() == "no source has the weights"
    assert look.strip() == "look: kubectl logs phi-0 -n default -c weights"
    assert "kaito models import" in then
    document = json.loads((await cluster.kaito("explain", "phi", "-o", "json")).out)
    assert document["reason"] == "ModelUnavailable"
    assert document["age"].endswith("s")


async def test_logs_of_a_workspace_without_a_pod_point_to_the_reason(cluster: Cluster) -> None:
    await cluster.kaito("apply", "-f", "-", stdin=workspace_yaml())
    await cluster.report(PHI, node_pending())
    done = await cluster.kaito("logs", "phi")
    assert done.code == 1
    assert "has no pod yet" in done.err
    assert "kaito explain phi -n default" in done.err
    assert (await cluster.kaito("logs", "ph")).err.endswith("did you mean phi?\n")
    assert (await cluster.kaito("logs", "pod/phi")).err.startswith('error: pods "phi" not found')
    assert (await cluster.client.list(PODS)).items == ()


async def test_an_api_server_that_is_gone_is_named(cluster: Cluster) -> None:
    text = (cluster.folder / "kubeconfig").read_text()
    document = json.loads(text)
    document["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    cluster.write("elsewhere", json.dumps(document))
    done = await cluster.kaito("get", "ns", "--kubeconfig", "elsewhere")
    assert done.code == 1
    assert done.err.startswith("error: the API server at https://127.0.0.1:9 does not answer")
    assert done.err.count("\n") == 2


async def test_a_missing_kubeconfig_and_context_are_named(cluster: Cluster) -> None:
    missing = await cluster.kaito("get", "ns", "--kubeconfig", "none")
    assert missing.err.startswith("error: kubeconfig 'none', named by --kubeconfig, does not exist")
    context = await cluster.kaito("get", "ns", "--context", "prod")
    assert "has no context 'prod'" in context.err
