"""The chart from install to uninstall with the real helm: what comes, what stays, what goes."""

import base64
import shutil
from pathlib import Path

import pytest
from charts import CHART
from tests.integration.chart.cluster import NAMESPACE, Site
from tests.integration.operator.cluster import workspace

from kaito.api.core import CRDS
from kaito.api.crd import nodeclaim_crd
from kaito.api.kinds import KINDS
from kaito.api.meta import Key
from kaito.api.workspace import WORKSPACES

KINDS_MADE = (
    "clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,services,deployments,"
    "poddisruptionbudgets,networkpolicies,validatingwebhookconfigurations,secrets,leases,configmaps"
)
CRD_NAMES = {
    f"customresourcedefinition.apiextensions.k8s.io/{kind.definition.plural}.kaito.sh"
    for kind in KINDS
}


async def test_one_command_installs_everything_and_its_output_says_what_is_next(site: Site) -> None:
    said = await site.install()
    assert "kubectl -n kaito-workspace rollout status deployment/kaito" in said
    assert "Nodes: those that are there already (byo)" in said
    assert await site.names("crd") == CRD_NAMES
    assert await site.names("deployments") == {"deployment.apps/kaito"}
    # What its output proposes is admitted by the CRDs that came with it.
    manifest = said.partition("<<EOF\n")[2].partition("\nEOF")[0]
    path = site.cluster.folder / "workspace.yaml"
    path.write_text(manifest)
    assert "created" in await site.kubectl("apply", "-f", str(path))


@pytest.mark.parametrize("keep", [True, False])
async def test_uninstalling_removes_what_it_made_and_nothing_else(site: Site, keep: bool) -> None:
    await site.kubectl("create", "namespace", NAMESPACE)
    before = await site.names(KINDS_MADE)
    await site.install(f"crds.keep={str(keep).lower()}", "networkPolicy.enabled=true")
    await site.cluster.client.create(WORKSPACES, workspace("w"))
    assert len(await site.names(KINDS_MADE)) > len(before) + 10

    await site.helm("uninstall", "kaito")

    assert await site.names(KINDS_MADE) == before
    assert await site.names("crd") == (CRD_NAMES if keep else set())
    if keep:
        assert (await site.cluster.client.get(WORKSPACES, Key("default", "w"))).metadata.uid


async def test_an_upgrade_brings_new_crds_and_leaves_what_the_operator_filled_in(
    site: Site, tmp_path: Path
) -> None:
    older = shutil.copytree(CHART, tmp_path / "kaito")
    definition = older / "files" / "crds" / "kaito.sh_workspaces.yaml"
    definition.write_text(definition.read_text().replace("    - wks\n", ""))
    await site.helm("install", "kaito", str(older), "--create-namespace")
    crd = ("crd", "workspaces.kaito.sh")
    assert (await site.get(*crd))["spec"]["names"]["shortNames"] == ["wk"]
    # What a running operator writes.
    filled = base64.b64encode(b"certificate").decode()
    patch = f'{{"data":{{"tls.crt":"{filled}"}}}}'
    secret = ("secret", "workspace-webhook-cert", "-n", NAMESPACE)
    await site.kubectl("patch", *secret, "--type=merge", "-p", patch)
    registration = ("validatingwebhookconfiguration", "validation.workspace.kaito.sh")
    bundle = f'[{{"op":"add","path":"/webhooks/0/clientConfig/caBundle","value":"{filled}"}}]'
    await site.kubectl("patch", *registration, "--type=json", "-p", bundle)
    lease = ("lease", "kaito-operator", "-n", NAMESPACE)
    await site.kubectl("patch", *lease, "--type=merge", "-p", '{"spec":{"holderIdentity":"pod"}}')

    await site.helm(
        "upgrade", "kaito", str(CHART), "--set", "replicaCount=3", "--set", "crds.keep=false"
    )

    found = await site.get(*crd)
    assert found["spec"]["names"]["shortNames"] == ["wk", "wks"]
    assert "helm.sh/resource-policy" not in found["metadata"]["annotations"]
    assert (await site.get(*secret))["data"] == {"tls.crt": filled}
    client = (await site.get(*registration))["webhooks"][0]["clientConfig"]
    assert client["caBundle"] == filled
    assert (await site.get(*lease))["spec"]["holderIdentity"] == "pod"
    assert (await site.get("deploy", "kaito", "-n", NAMESPACE))["spec"]["replicas"] == 3


async def test_the_crds_can_be_applied_by_themselves_and_adopted_later(site: Site) -> None:
    await site.kubectl("apply", "-f", str(CHART / "crds"))
    assert await site.names("crd") == CRD_NAMES
    refused = await site.install(check=False)
    assert "invalid ownership metadata" in refused
    await site.helm("uninstall", "kaito", "--ignore-not-found")

    adopt = ("--take-ownership", "--force-conflicts", "--create-namespace")
    await site.helm("install", "kaito", str(CHART), *adopt)

    found = await site.get("crd", "workspaces.kaito.sh")
    assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"


async def test_crds_that_somebody_else_installs_are_left_alone(site: Site) -> None:
    await site.install("crds.enabled=false")
    assert await site.names("crd") == set()


async def test_it_brings_nothing_that_a_cluster_may_already_have(site: Site) -> None:
    await site.install("networkPolicy.enabled=true")
    assert await site.names("storageclasses,priorityclasses,statefulsets,jobs") == set()
    # This API server keeps no DaemonSets, so the install would have failed on one.
    assert "daemonsets" not in await site.kubectl("api-resources", "-o", "name")
    foreign = {name for name in await site.names("crd") if not name.endswith(".kaito.sh")}
    assert foreign == set()


async def test_where_karpenter_is_the_release_asks_it_for_nodes(site: Site) -> None:
    await site.cluster.client.apply(CRDS, nodeclaim_crd(), manager="test")
    said = await site.install()
    assert "Nodes: NodeClaims, answered by a provisioner for azure" in said
    deployment = await site.get("deploy", "kaito", "-n", NAMESPACE)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert "--node-provisioner=azure-gpu-provisioner" in container["args"]
