"""`kaito doctor` as people run it, on the real API server and on no cluster at all."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import yaml
from tests.integration.cli.cluster import Cluster, Finished

from kaito.api.core import CONFIGMAPS, CRDS, LEASES, NAMESPACES, NODES, SECRETS
from kaito.api.crd import nodeclaim_crd
from kaito.api.kinds import KINDS
from kaito.api.meta import Manifest
from kaito.base.clock import SystemClock, to_rfc3339_micro

HOME = "kaito-workspace"
PHI_YAML = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: phi}
resource:
  instanceType: Standard_NC6s_v3
  labelSelector: {matchLabels: {apps: phi}}
inference:
  preset: {name: phi-3-mini-4k-instruct}
"""
LABELS = {
    "nvidia.com/gpu.product": "Tesla-V100-PCIE-16GB",
    "nvidia.com/gpu.count": "1",
    "nvidia.com/gpu.memory": "16384",
}


def findings(done: Finished) -> dict[str, dict[str, Any]]:
    """The findings of all sections by check, in JSON form."""
    sections = json.loads(done.out)["sections"]
    return {f["check"]: f for section in sections for f in section["findings"]}


def states(done: Finished) -> Mapping[str, str]:
    return {check: found["state"] for check, found in findings(done).items()}


async def install(cluster: Cluster) -> None:
    """What the chart brings, as far as the doctor can see it, with an operator that works."""
    for kind in KINDS:
        await cluster.client.apply(CRDS, kind.definition.to_manifest(), manager="test")
    await cluster.client.create(NAMESPACES, namespace(HOME))
    now = to_rfc3339_micro(SystemClock().now() + timedelta(seconds=1))
    spec = {"holderIdentity": "operator-0", "leaseDurationSeconds": 15, "renewTime": now}
    manifest = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": spec}
    meta = {"name": "kaito-operator", "namespace": HOME}
    await cluster.client.create(LEASES, {**manifest, "metadata": meta})


def namespace(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


async def add_node(cluster: Cluster, name: str, labels: Mapping[str, str]) -> None:
    meta = {"name": name, "labels": {**LABELS, **labels}}
    await cluster.client.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": meta})
    status = {
        "allocatable": {"nvidia.com/gpu": "1", "memory": "100Gi", "cpu": "6"},
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    key = (await cluster.client.list(NODES)).items[0].key
    await cluster.client.patch(NODES, key, {"status": status}, subresource="status")


async def test_an_empty_cluster_lacks_the_operator_and_says_how_to_get_it(cluster: Cluster) -> None:
    done = await cluster.kaito("doctor")
    assert (done.code, done.err) == (1, "")
    assert re.search(r"^  server +ok +Kubernetes v", done.out, re.MULTILINE)
    assert re.search(r"^  operator +missing +none runs", done.out, re.MULTILINE)
    assert re.search(r"^ +-> helm install kaito charts/kaito", done.out, re.MULTILINE)
    assert done.out.splitlines()[-1].startswith("1 thing blocks: operator (Cluster https://")


async def test_an_installed_operator_is_enough(cluster: Cluster) -> None:
    await install(cluster)
    done = await cluster.kaito("doctor", "-o", "json")
    assert (done.code, json.loads(done.out)["ok"]) == (0, True)
    found = states(done)
    assert (found["kinds"], found["leader"], found["clock"]) == ("ok", "ok", "ok")
    assert found["webhook"] == "warning"


async def test_an_older_crd_is_found_by_the_fields_it_lacks(cluster: Cluster) -> None:
    await install(cluster)
    key = next(k for k in KINDS if k.resource.kind == "Workspace").definition
    old = key.to_manifest()
    for version in old["spec"]["versions"]:
        del version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["plan"]
    await cluster.client.apply(CRDS, old, manager="test")
    done = await cluster.kaito("doctor", "-o", "json")
    assert done.code == 1
    assert "lacks status.plan" in findings(done)["kind workspaces"]["what"]


async def test_what_a_workspace_names_is_looked_for(cluster: Cluster) -> None:
    await install(cluster)
    manifest = yaml.safe_load(PHI_YAML)
    manifest["inference"]["config"] = "settings"
    options = {"modelAccessSecret": "hub"}
    manifest["inference"]["preset"]["presetOptions"] = options
    file = cluster.write("phi.yaml", yaml.safe_dump(manifest))

    before = states(await cluster.kaito("doctor", "-f", file, "-o", "json"))
    assert (before["config"], before["secret"], before["plan"]) == ("missing", "missing", "unknown")

    meta = {"namespace": "default"}
    text = "vllm:\n  max-model-len: 2048\n"
    for resource, kind, name, data in (
        (CONFIGMAPS, "ConfigMap", "settings", {"inference_config.yaml": text}),
        (SECRETS, "Secret", "hub", {"HF_TOKEN": "c2VjcmV0"}),
    ):
        made = {"apiVersion": "v1", "kind": kind, "metadata": {**meta, "name": name}, "data": data}
        await cluster.client.create(resource, made)
    done = await cluster.kaito("doctor", "-f", file, "-o", "json")
    after = states(done)
    assert (done.code, after["config"], after["secret"], after["plan"]) == (0, "ok", "ok", "ok")
    assert "context 2048" in findings(done)["plan"]["what"]
    assert "c2VjcmV0" not in done.out


async def test_capacity_is_what_the_controller_would_do(cluster: Cluster) -> None:
    await install(cluster)
    file = cluster.write("phi.yaml", PHI_YAML)
    asked = findings(await cluster.kaito("doctor", "-f", file, "-o", "json"))["capacity"]
    assert asked["what"].startswith("1 new Standard_NC6s_v3 would be asked for")
    wanted = yaml.safe_load(PHI_YAML)["resource"]["labelSelector"]["matchLabels"]
    await add_node(
        cluster, "mine", {**wanted, "node.kubernetes.io/instance-type": "Standard_NC6s_v3"}
    )
    there = findings(await cluster.kaito("doctor", "-f", file, "-o", "json"))["capacity"]
    assert there["what"] == "fits on mine"


async def test_a_cluster_without_node_claims_cannot_make_nodes(cluster: Cluster) -> None:
    await install(cluster)
    await cluster.client.delete(CRDS, (await crd_key(cluster)))
    file = cluster.write("phi.yaml", PHI_YAML)
    done = await cluster.kaito("doctor", "-f", file, "-o", "json")
    found = states(done)
    assert (done.code, found["supply"], found["capacity"]) == (1, "warning", "missing")


async def crd_key(cluster: Cluster) -> Any:
    name = nodeclaim_crd()["metadata"]["name"]
    return next(c.key for c in (await cluster.client.list(CRDS)).items if c.metadata.name == name)


async def test_a_faulty_manifest_is_refused_with_its_line(cluster: Cluster) -> None:
    await install(cluster)
    manifest = yaml.safe_load(PHI_YAML)
    manifest["inference"]["preset"]["name"] = "nothing-like-it"
    file = cluster.write("bad.yaml", "\n" + yaml.safe_dump(manifest))
    done = await cluster.kaito("doctor", "-f", file)
    assert done.code == 1
    assert "manifest  missing" in re.sub(r" {3,}", "  ", done.out)
    assert "-> edit bad.yaml:2" in done.out


async def test_nothing_is_written(cluster: Cluster) -> None:
    await install(cluster)
    before = (await cluster.client.list(NAMESPACES)).resource_version
    file = cluster.write("phi.yaml", PHI_YAML)
    await cluster.kaito("doctor", "-f", file)
    assert (await cluster.client.list(NAMESPACES)).resource_version == before


async def test_a_cluster_that_does_not_answer_is_one_finding(cluster: Cluster) -> None:
    dead = (cluster.folder / "kubeconfig").read_text()
    dead = re.sub(r"https://127.0.0.1:\d+", "https://127.0.0.1:1", dead)
    file = cluster.write("dead.kubeconfig", dead)
    done = await cluster.kaito("doctor", "--kubeconfig", file, "-o", "json")
    assert (done.code, states(done)["server"]) == (1, "missing")
    assert states(done)["python"] == "ok"


async def test_a_wrong_token_is_one_finding(cluster: Cluster) -> None:
    wrong = (cluster.folder / "kubeconfig").read_text().replace("secret", "guess")
    file = cluster.write("wrong.kubeconfig", wrong)
    done = await cluster.kaito("doctor", "--kubeconfig", file, "-o", "json")
    assert done.code == 1
    assert "credentials" in findings(done)["server"]["what"]


async def test_a_kubeconfig_that_is_not_there_is_one_finding(cluster: Cluster) -> None:
    done = await cluster.kaito("doctor", "--kubeconfig", "nowhere")
    assert done.code == 1
    # The table is wrapped, and where depends on how long the names of this machine are.
    said = " ".join(done.out.split())
    assert "'nowhere', named by --kubeconfig, does not exist" in said


async def test_this_machine_alone_is_looked_at_on_request(cluster: Cluster) -> None:
    file = cluster.write("phi.yaml", PHI_YAML)
    done = await cluster.kaito("doctor", "--machine", "-f", file, "-o", "json")
    found = states(done)
    assert {"python", "engine", "memory", "disk", "gpu", "manifest", "plan"} <= set(found)
    assert "server" not in found


async def test_files_without_a_workspace_are_a_wrong_call(cluster: Cluster) -> None:
    file = cluster.write("space.yaml", yaml.safe_dump(namespace("a")))
    done = await cluster.kaito("doctor", "-f", file)
    assert (done.code, "there is no Workspace in space.yaml" in done.err) == (2, True)
