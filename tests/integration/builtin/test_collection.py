"""Garbage collection and namespaces on the real API server, through kubectl."""

from tests.integration.builtin.cluster import Cluster
from tests.integration.builtin.manifests import pod, workload

from kaito.api.core import CONFIGMAPS, CRDS, NAMESPACES, PODS, STATEFULSETS
from kaito.api.meta import Key, Manifest, Object
from kaito.api.resources import Resource
from kaito.local.builtin.kinds import DEPLOYMENTS, REPLICASETS
from kaito.local.builtin.namespaces import SERVICE_ACCOUNTS

WEB = Key("default", "web")


def configmap(name: str, *owners: Manifest, namespace: str = "default") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "ownerReferences": list(owners)},
    }


def owned_by(owner: Object, **fields: object) -> Manifest:
    return {
        "apiVersion": owner.api_version,
        "kind": owner.kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        **fields,
    }


async def rolled_out(cluster: Cluster, kind: str = "Deployment") -> None:
    await cluster.create(workload(kind, replicas=2))
    await cluster.kubectl("rollout", "status", f"{kind}/web", "--timeout=20s")


async def test_background_deletion_takes_everything_below(cluster: Cluster) -> None:
    await rolled_out(cluster)

    await cluster.kubectl("delete", "deploy", "web", "--timeout=20s")

    async def gone() -> bool:
        left = (await cluster.client.list(REPLICASETS)).items
        return not left and not await cluster.pods()

    await cluster.until(gone, "replica set and pods are gone")


async def test_foreground_deletion_ends_when_everything_below_is_gone(cluster: Cluster) -> None:
    await rolled_out(cluster)

    await cluster.kubectl("delete", "deploy", "web", "--cascade=foreground", "--timeout=20s")

    assert await cluster.pods() == ()
    assert (await cluster.client.list(REPLICASETS)).items == ()
    assert not await cluster.exists(DEPLOYMENTS, WEB)


async def test_orphans_stay_and_are_adopted_by_a_successor(cluster: Cluster) -> None:
    await rolled_out(cluster, "StatefulSet")
    before = {p.metadata.uid for p in await cluster.pods()}

    await cluster.kubectl("delete", "sts", "web", "--cascade=orphan", "--timeout=20s")

    async def orphaned() -> bool:
        return not any(p.metadata.owner_references for p in await cluster.pods())

    await cluster.until(orphaned, "the pods belong to nobody")
    assert not await cluster.exists(STATEFULSETS, WEB)

    successor = await cluster.create(workload("StatefulSet", replicas=2))

    async def adopted() -> bool:
        owners = {p.metadata.controller for p in await cluster.pods()}
        return {owner.uid for owner in owners if owner} == {successor.metadata.uid}

    await cluster.until(adopted, "the successor owns the pods")
    assert {p.metadata.uid for p in await cluster.pods()} == before


async def test_an_orphaned_deployments_pods_run_on_under_a_successor(cluster: Cluster) -> None:
    await rolled_out(cluster)
    before = {p.metadata.uid for p in await cluster.pods()}
    await cluster.kubectl("delete", "deploy", "web", "--cascade=orphan", "--timeout=20s")

    await rolled_out(cluster)

    assert {p.metadata.uid for p in await cluster.pods()} == before
    assert len((await cluster.client.list(REPLICASETS)).items) == 1


async def test_an_owner_that_never_existed_takes_its_dependent_along(cluster: Cluster) -> None:
    ghost = {"apiVersion": "v1", "kind": "ConfigMap", "name": "ghost", "uid": "no-such-uid"}
    await cluster.create(configmap("haunted", ghost))

    async def gone() -> bool:
        return not await cluster.exists(CONFIGMAPS, Key("default", "haunted"))

    await cluster.until(gone, "the dependent is gone")


async def test_one_living_owner_is_enough(cluster: Cluster) -> None:
    first = await cluster.create(configmap("first"))
    second = await cluster.create(configmap("second"))
    await cluster.create(configmap("shared", owned_by(first), owned_by(second)))

    await cluster.kubectl("delete", "configmap", "first")

    async def freed() -> bool:
        found = await cluster.client.get(CONFIGMAPS, Key("default", "shared"))
        return [ref.name for ref in found.metadata.owner_references] == ["second"]

    await cluster.until(freed, "only the living owner is named")


async def test_an_owner_of_an_unknown_kind_is_left_alone(cluster: Cluster) -> None:
    stranger = {"apiVersion": "example.com/v1", "kind": "Thing", "name": "t", "uid": "u"}
    await cluster.create(configmap("kept", stranger))
    await cluster.create(configmap("later"))
    await cluster.settled_revision()

    assert await cluster.exists(CONFIGMAPS, Key("default", "kept"))


async def test_a_deleted_namespace_takes_everything_with_it(cluster: Cluster) -> None:
    await cluster.kubectl("create", "namespace", "team")
    await cluster.create(configmap("settings", namespace="team"))
    await cluster.create(pod("worker", "team"))
    manifest = workload("StatefulSet", replicas=2)
    manifest["metadata"]["namespace"] = "team"
    await cluster.create(manifest)
    await cluster.kubectl("rollout", "status", "sts/web", "-n", "team", "--timeout=20s")

    await cluster.kubectl("delete", "namespace", "team", "--timeout=20s")

    assert not await cluster.exists(NAMESPACES, Key("", "team"))
    for resource in (PODS, STATEFULSETS, CONFIGMAPS, SERVICE_ACCOUNTS):
        assert await in_namespace(cluster, resource) == ()


async def in_namespace(cluster: Cluster, resource: Resource[Object]) -> tuple[Object, ...]:
    return (await cluster.client.list(resource, namespace="team")).items


async def test_every_namespace_has_a_default_service_account(cluster: Cluster) -> None:
    async def there() -> bool:
        return await cluster.exists(SERVICE_ACCOUNTS, Key("default", "default"))

    await cluster.until(there, "the account is there")


async def test_a_namespace_takes_kinds_along_that_were_defined_at_run_time(
    cluster: Cluster,
) -> None:
    await cluster.client.create(CRDS, THINGS)
    await cluster.kubectl("create", "namespace", "team")
    meta = {"name": "t", "namespace": "team"}
    body = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": meta}
    await cluster.client.request("POST", "/apis/example.com/v1/namespaces/team/things", json=body)

    await cluster.kubectl("delete", "namespace", "team", "--timeout=20s")

    left = await cluster.client.request("GET", "/apis/example.com/v1/things")
    assert b'"items":[]' in left


THINGS: Manifest = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.com"},
    "spec": {
        "group": "example.com",
        "names": {"kind": "Thing", "plural": "things"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }
        ],
    },
}
