"""Endpoints behind Services on the real API server."""

from tests.integration.builtin.cluster import ENDS, Cluster
from tests.integration.builtin.manifests import pod

from kaito.api.core import SERVICES
from kaito.api.meta import Key, Manifest
from kaito.local.builtin.kinds import ENDPOINT_SLICES, ENDPOINTS, Endpoints, EndpointSlice

WEB = Key("default", "web")


def service(**spec: object) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "selector": {"app": "web"},
            "ports": [{"name": "http", "port": 80, "targetPort": "api"}],
            **spec,
        },
    }


def backend(name: str, *, port: int = 5000, ends: str = "") -> Manifest:
    manifest = pod(name)
    manifest["metadata"] |= {"labels": {"app": "web"}, "annotations": {ENDS: ends}}
    manifest["spec"]["containers"][0]["ports"] = [{"name": "api", "containerPort": port}]
    return manifest


async def slices(cluster: Cluster) -> tuple[EndpointSlice, ...]:
    return (await cluster.client.list(ENDPOINT_SLICES, namespace="default")).items


async def endpoints(cluster: Cluster) -> Endpoints:
    return await cluster.client.get(ENDPOINTS, WEB)


async def test_ready_pods_stand_behind_their_service(cluster: Cluster) -> None:
    await cluster.create(service())
    await cluster.create(backend("good"))
    await cluster.create(backend("bad", ends="unready"))

    async def both() -> bool:
        return [len(s.endpoints or ()) for s in await slices(cluster)] == [2]

    await cluster.until(both, "both pods are listed")
    (found,) = await slices(cluster)
    states = {e.target_ref.name: e.conditions.ready for e in found.endpoints or () if e.target_ref}
    assert states == {"good": True, "bad": False}
    assert [(p.name, p.port) for p in found.ports or ()] == [("http", 5000)]
    assert found.metadata.labels["kubernetes.io/service-name"] == "web"

    described = (await cluster.kubectl("describe", "service", "web")).out
    (good,) = [p for p in await cluster.pods() if p.metadata.name == "good"]
    assert f"{good.status.pod_ip}:5000" in described


async def test_a_service_without_pods_has_one_empty_slice(cluster: Cluster) -> None:
    await cluster.create(service())

    async def listed() -> bool:
        return [s.endpoints or () for s in await slices(cluster)] == [()]

    await cluster.until(listed, "there is one slice without endpoints")


async def test_unready_pods_count_where_the_service_publishes_them(cluster: Cluster) -> None:
    await cluster.create(service(clusterIP="None", publishNotReadyAddresses=True))
    await cluster.create(backend("bad", ends="unready"))

    async def listed() -> bool:
        found = await endpoints(cluster) if await cluster.exists(ENDPOINTS, WEB) else None
        return bool(found and found.subsets and found.subsets[0].addresses)

    await cluster.until(listed, "the pod is listed as ready")


async def test_endpoints_go_with_their_service(cluster: Cluster) -> None:
    await cluster.create(service())

    async def listed() -> bool:
        return bool(await slices(cluster)) and await cluster.exists(ENDPOINTS, WEB)

    await cluster.until(listed, "slice and endpoints are there")
    await cluster.client.delete(SERVICES, WEB)

    async def gone() -> bool:
        return not await slices(cluster) and not await cluster.exists(ENDPOINTS, WEB)

    await cluster.until(gone, "slice and endpoints are gone")
