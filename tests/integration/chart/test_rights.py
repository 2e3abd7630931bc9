"""What the chart's roles allow is what the operator does: no verb more, none less.

Reads are compared with what the controllers watch. Writes are compared with the requests that a
real operator sends, run with the arguments of the chart's own Deployment, from the first look at a
Workspace until it is gone.
"""

from pathlib import Path

import pytest
from charts import CLAIMS, POOLS, Grant, Rendered, grants_of, render
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.chart.cluster import NAMESPACE, Site, running_site
from tests.integration.operator.cluster import Operator, eventually, workspace

from kaito.api.core import CONFIGMAPS, CRDS, NODES, STATEFULSETS
from kaito.api.crd import nodeclaim_crd
from kaito.api.meta import Key
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.report import REPORTS
from kaito.api.workspace import WORKSPACES
from kaito.app.operator.controllers import make_announced, make_controllers
from kaito.app.operator.gates import parse_gates
from kaito.app.operator.options import OperatorOptions
from kaito.kube import errors

ROLES = ("ClusterRole", "Role")
VALUES = {
    "byo": ("nodeProvisioner=byo",),
    "azure-gpu-provisioner": ("nodeProvisioner=azure-gpu-provisioner",),
    "karpenter": ("nodeProvisioner=karpenter",),
}
READS = frozenset({"list", "watch"})

UNSEEN = {
    ("create", "leases.coordination.k8s.io"): "only when somebody has deleted the Lease",
    ("create", "services"): "an apply that creates is checked for it as well as for patch",
    ("create", "statefulsets.apps"): "an apply that creates is checked for it as well",
    ("delete", "deployments.apps"): "only what one of KAITO's first releases runs is replaced",
    ("get", "events"): "only when an event is counted up",
    ("patch", "events"): "only when an event is counted up",
    ("get", "workspaces.kaito.sh"): "only before an orphan is given back",
    ("update", "workspaces.kaito.sh/finalizers"): "asked of owners by an admission plugin",
    ("create", "jobs.batch"): "there is no tuning in this test",
    ("patch", "jobs.batch"): "there is no tuning in this test",
    ("delete", "jobs.batch"): "there is no tuning in this test",
    ("create", "configmaps"): "there are no adapters in this test, and no tuning's report",
    ("patch", "configmaps"): "there are no adapters in this test, and no tuning's report",
    ("delete", "configmaps"): "there are no adapters in this test",
    ("patch", "pods"): "only a changed list of adapters is hinted at",
    ("patch", "inferencesets.kaito.sh/status"): "there is none in this test",
    ("patch", "ragengines.kaito.sh/status"): "there is none in this test",
    ("patch", "modelmirrors.kaito.sh/status"): "there is none in this test",
    ("patch", "multiroleinferences.kaito.sh/status"): "there is none in this test",
}
"""Rights that one Workspace's life does not need, and when they are needed."""


class NoUids:
    """Nobody is asked here."""

    async def uid_of(self, resource: object, key: Key) -> str:
        raise AssertionError(f"{resource} {key} was asked for")


def roles(rendered: Rendered) -> tuple[Grant, ...]:
    assert not rendered.refusal
    return tuple(grants_of(m for kind in ROLES for m in rendered.of_kind(kind)))


def chart(*settings: str) -> Rendered:
    return render(*(word for setting in settings for word in ("--set", setting)))


def watched(options: OperatorOptions) -> set[str]:
    controllers = (*make_controllers(options, NoUids()), *make_announced(options))
    watches = (watch for one in controllers for watch in one.watches)
    found = {str(watch.resource) for watch in watches if watch.resource != REPORTS}
    return found | ({str(CONFIGMAPS)} if options.webhook else set())


@pytest.mark.parametrize("gates", ["", "enableInferenceSetController=false", "ModelMirror=true"])
@pytest.mark.parametrize("provisioner", VALUES)
def test_lists_and_watches_are_those_of_the_controllers(provisioner: str, gates: str) -> None:
    settings = [f"featureGates.{gates}"] if gates else []
    granted = {
        verb: {g.resource for g in roles(chart(*VALUES[provisioner], *settings)) if g.verb == verb}
        for verb in READS
    }
    options = OperatorOptions(provisioner=provisioner, gates=parse_gates(gates))
    assert granted == dict.fromkeys(READS, watched(options))


@pytest.mark.parametrize(
    ("gate", "owners"),
    [("false", {"workspaces"}), ("true", {"workspaces", "modelmirrors"})],
)
def test_owners_of_what_it_makes_may_hold_up_their_deletion(gate: str, owners: set[str]) -> None:
    # Clusters with the admission plugin OwnerReferencesPermissionEnforcement ask for it.
    granted = roles(chart(f"featureGates.ModelMirror={gate}"))
    found = {g.resource for g in granted if g.verb == "update"}
    assert found == {f"{owner}.kaito.sh/finalizers" for owner in owners}


@pytest.mark.parametrize("namespace", ["", "team-a"])
@pytest.mark.parametrize("provisioner", VALUES)
def test_no_right_is_for_everything_and_secrets_are_one_by_name(
    provisioner: str, namespace: str
) -> None:
    rendered = chart(*VALUES[provisioner], f"watchNamespace={namespace}")
    granted = roles(rendered)
    assert not [g for g in granted if "*" in g.verb + g.resource]
    assert {g for g in granted if g.resource == "secrets"} == {
        Grant(verb, "secrets", ("workspace-webhook-cert",)) for verb in ("get", "patch")
    }
    assert len(granted) == len(set(granted)), "nothing is said twice"
    everywhere = tuple(grants_of(rendered.of_kind("ClusterRole")))
    assert not [g for g in everywhere if g.resource in ("secrets", "leases.coordination.k8s.io")]


def test_with_one_namespace_nothing_namespaced_is_allowed_elsewhere() -> None:
    rendered = chart("watchNamespace=team-a", *VALUES["karpenter"])
    everywhere = {g.resource for g in grants_of(rendered.of_kind("ClusterRole"))}
    assert everywhere == {
        "nodes",
        "storageclasses.storage.k8s.io",
        "nodeclaims.karpenter.sh",
        "nodepools.karpenter.sh",
        "modelmirrors.kaito.sh",
        "modelmirrors.kaito.sh/status",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
    }
    namespaces = {role["metadata"]["namespace"] for role in rendered.of_kind("Role")}
    assert namespaces == {NAMESPACE, "team-a"}
    (workspaces,) = (
        role for role in rendered.of_kind("Role") if role["metadata"]["namespace"] == "team-a"
    )
    whole = set(roles(chart(*VALUES["karpenter"])))
    assert set(grants_of([workspaces])) <= whole


def test_without_a_webhook_nothing_of_it_is_allowed() -> None:
    granted = {g.resource for g in roles(chart("webhook.enabled=false"))}
    assert "secrets" not in granted
    assert "validatingwebhookconfigurations.admissionregistration.k8s.io" not in granted


def test_claims_and_pools_are_allowed_only_to_those_who_make_them() -> None:
    writes = {
        name: {
            (g.verb, g.resource)
            for g in roles(render("--set", *settings, apis=(CLAIMS, POOLS)))
            if "karpenter" in g.resource and g.verb not in READS
        }
        for name, settings in VALUES.items()
    }
    claims, pools = "nodeclaims.karpenter.sh", "nodepools.karpenter.sh"
    assert writes == {
        "byo": set(),
        "azure-gpu-provisioner": {("create", claims), ("delete", claims)},
        "karpenter": {("create", pools), ("patch", pools), ("delete", pools)},
    }


async def test_a_workspace_lives_and_goes_by_the_charts_rights_alone(tmp_path: Path) -> None:
    async with running_site(tmp_path) as site:
        await site.cluster.client.apply(CRDS, nodeclaim_crd(), manager="test")
        await site.install()
        async with await as_deployed(site) as operator:
            await operator.says("leading")
            await operator.says("webhook registered")
            await live_and_go(site)
            used = await requests(operator)
    granted = roles(chart(*VALUES["azure-gpu-provisioner"]))
    allowed = {(g.verb, g.resource) for g in granted}
    assert used - allowed == set(), "it asks for what it may not"
    unused = {right for right in allowed - used if right[0] not in READS}
    assert unused == set(UNSEEN), "it may do what it never does"


async def as_deployed(site: Site) -> Operator:
    """An operator with the arguments and the environment of the release's Deployment."""
    deployment = await site.get("deploy", "kaito", "-n", NAMESPACE)
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    verb, *arguments = container["args"]
    assert verb == "operator"
    environment = {e["name"]: e.get("value", NAMESPACE) for e in container["env"]}
    return site.cluster.operator(*arguments, **{**environment, "WEBHOOK_PORT": "0"})


async def live_and_go(site: Site) -> None:
    """A Workspace from its creation over its StatefulSet to its deletion."""
    client = site.cluster.client
    await client.create(WORKSPACES, workspace("w"))
    await eventually(lambda: provide(site))

    async def is_served() -> bool:
        return bool((await client.list(STATEFULSETS)).items)

    await eventually(is_served)
    await client.delete(WORKSPACES, Key("default", "w"))

    async def is_gone() -> bool:
        try:
            await client.get(WORKSPACES, Key("default", "w"))
        except errors.NotFound:
            return True
        return False

    await eventually(is_gone)


async def provide(site: Site) -> bool:
    """What a provisioner does: a ready node for the claim, once there is one."""
    client = site.cluster.client
    claims = (await client.list(NODECLAIMS)).items
    for claim in claims:
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": "made",
                "labels": {
                    **claim.metadata.labels,
                    "apps": "w",
                    "node.kubernetes.io/instance-type": claim.spec.instance_type,
                },
            },
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "capacity": {"nvidia.com/gpu": "1"},
                "allocatable": {"nvidia.com/gpu": "1"},
            },
        }
        await client.create(NODES, node)
        ready = [
            {"type": kind, "status": "True", "reason": kind}
            for kind in ("Launched", "Registered", "Initialized", "Ready")
        ]
        status = {"status": {"nodeName": "made", "conditions": ready}}
        await client.patch(NODECLAIMS, claim.key, status, subresource="status")
    return bool(claims)


async def requests(operator: Operator) -> set[tuple[str, str]]:
    """Verb and resource of everything it has asked of the API server."""
    _, text = await operator.get("metrics", "/metrics")
    return {
        (sample.labels["verb"], sample.labels["resource"])
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "kaito_api_requests_total"
    }
