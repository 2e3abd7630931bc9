"""google-cloud-container over real gRPC on loopback, against a small stand-in of the node pools."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.cloud.container_v1 import ClusterManagerAsyncClient, types
from google.cloud.container_v1.services.cluster_manager.transports import (
    ClusterManagerGrpcAsyncIOTransport,
)

from cloud_benches.bench import Recorded
from kaito.base.clock import SystemClock
from kaito.cloud.failure import FailureKind
from kaito.cloud.gcp.cloud import GcpCloud
from kaito.cloud.gcp.settings import GcpSettings
from kaito.cloud.port import MachineState

# Held for as long as the tests run: the last channel to be collected would otherwise end gRPC's
# poller, and wait for its thread, in whatever thread the collection happens to run.
grpc.aio.init_grpc_aio()

SETTINGS = GcpSettings(
    project="demo", location="us-central1", cluster="gke", zones=("us-central1-a",)
)
_SERVICE = "google.container.v1.ClusterManager"
_PATIENCE = 3.0
_STATES = {
    "creating": "PROVISIONING",
    "running": "RUNNING",
    "deleting": "STOPPING",
    "failed": "ERROR",
}

K = FailureKind
REFUSALS = (
    Recorded(
        kind=K.UNAUTHORIZED,
        code="PERMISSION_DENIED",
        words='Required "container.clusters.update" permission(s) for '
        '"projects/demo/locations/us-central1/clusters/gke".',
    ),
    Recorded(
        kind=K.UNAUTHORIZED,
        code="UNAUTHENTICATED",
        words="Request had invalid authentication credentials.",
    ),
    Recorded(
        kind=K.QUOTA,
        code="PERMISSION_DENIED",
        words='Insufficient regional quota to satisfy request: resource "NVIDIA_L4_GPUS": '
        "request requires '1.0' and is short '1.0'.",
    ),
    Recorded(
        kind=K.QUOTA,
        code="RESOURCE_EXHAUSTED",
        words="Quota exceeded for quota metric 'NVIDIA_L4_GPUS'.",
    ),
    Recorded(
        kind=K.THROTTLED,
        code="RESOURCE_EXHAUSTED",
        words="Quota exceeded for quota metric 'Write requests' and limit 'Write requests per "
        "minute' of service 'container.googleapis.com'.",
    ),
    Recorded(
        kind=K.INVALID,
        code="INVALID_ARGUMENT",
        words='Machine type with name "g9-huge" does not exist in zone "us-central1-a".',
    ),
    Recorded(
        kind=K.THROTTLED,
        code="FAILED_PRECONDITION",
        words="Cluster is running incompatible operation operation-1700000000000-0a1b2c3d.",
    ),
    Recorded(kind=K.UNAVAILABLE, code="UNAVAILABLE", words="The service is currently unavailable."),
    Recorded(kind=K.UNAVAILABLE, code="INTERNAL", words="Internal error encountered."),
)
BREAKDOWNS = (
    Recorded(
        kind=K.CAPACITY,
        code="GCE_STOCKOUT",
        words="Try a different location, or try again later: Google Compute Engine does not have "
        "enough resources available to fulfill request: us-central1-a.",
    ),
    Recorded(
        kind=K.QUOTA,
        code="GCE_QUOTA_EXCEEDED",
        words="Insufficient quota to satisfy the request: NVIDIA_L4_GPUS.",
    ),
    Recorded(
        kind=K.CAPACITY,
        code="UNKNOWN",
        words="ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS: the zone has no g2-standard-8 now.",
    ),
    Recorded(
        kind=K.UNAUTHORIZED,
        code="GKE_SERVICE_ACCOUNT_DELETED",
        words="The node service account was deleted.",
    ),
)


class GcpBench:
    """See `Bench`."""

    instance_type = "g2-standard-8"

    def __init__(self) -> None:
        self.pools: dict[str, types.NodePool] = {}
        self.sent: list[dict[str, Any]] = []
        self._refusals: list[Recorded] = []
        self._is_silent = False
        self._has_cluster = True
        self._created = 0

    async def open(self) -> None:
        self._server = grpc.aio.server()
        handlers = {
            "CreateNodePool": _handler(self._create, types.CreateNodePoolRequest, types.Operation),
            "GetNodePool": _handler(self._get, types.GetNodePoolRequest, types.NodePool),
            "ListNodePools": _handler(
                self._list, types.ListNodePoolsRequest, types.ListNodePoolsResponse
            ),
            "DeleteNodePool": _handler(self._delete, types.DeleteNodePoolRequest, types.Operation),
        }
        generic = grpc.method_handlers_generic_handler(_SERVICE, handlers)
        self._server.add_generic_rpc_handlers((generic,))
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        client = ClusterManagerAsyncClient(
            transport=ClusterManagerGrpcAsyncIOTransport(channel=channel)
        )
        self.cloud = GcpCloud(client, SETTINGS, clock=SystemClock(), timeout=_PATIENCE)

    async def close(self) -> None:
        await self.cloud.close()
        await self._server.stop(grace=0)

    def refuse(self, error: Recorded, *, times: int = 1) -> None:
        self._refusals += [error] * times

    def go_silent(self) -> None:
        self._is_silent = True

    def set_state(self, name: str, state: MachineState, why: Recorded | None = None) -> None:
        pool = self.pools[name]
        pool.status = getattr(types.NodePool.Status, _STATES[state])
        if why:
            code = getattr(types.StatusCondition.Code, why.code)
            pool.conditions = [types.StatusCondition(code=code, message=why.words)]

    def remove(self, name: str) -> None:
        del self.pools[name]

    def remove_cluster(self) -> None:
        self._has_cluster = False

    def add_foreign(self, name: str) -> None:
        self.pools[name] = types.NodePool(name=name, status=types.NodePool.Status.RUNNING)

    def created(self) -> int:
        return self._created

    async def _create(self, request: types.CreateNodePoolRequest, call: Any) -> types.Operation:
        await self._check(call, is_change=True)
        pool = request.node_pool
        if pool.name in self.pools:
            await call.abort(grpc.StatusCode.ALREADY_EXISTS, f"Already exists: {pool.name}.")
        self.sent.append(types.CreateNodePoolRequest.to_dict(request, use_integers_for_enums=False))
        self._created += 1
        self.pools[pool.name] = pool
        self.set_state(pool.name, "creating")
        return types.Operation(name="operation-1", status=types.Operation.Status.RUNNING)

    async def _get(self, request: types.GetNodePoolRequest, call: Any) -> types.NodePool:
        await self._check(call)
        return await self._find(request.name, call)

    async def _list(
        self, request: types.ListNodePoolsRequest, call: Any
    ) -> types.ListNodePoolsResponse:
        await self._check(call)
        return types.ListNodePoolsResponse(node_pools=list(self.pools.values()))

    async def _delete(self, request: types.DeleteNodePoolRequest, call: Any) -> types.Operation:
        await self._check(call, is_change=True)
        pool = await self._find(request.name, call)
        self.set_state(pool.name, "deleting")
        return types.Operation(name="operation-2", status=types.Operation.Status.RUNNING)

    async def _find(self, full_name: str, call: Any) -> types.NodePool:
        pool = self.pools.get(full_name.rpartition("/")[2])
        if pool is None:
            await call.abort(grpc.StatusCode.NOT_FOUND, f"Not found: {full_name}.")
        assert pool is not None
        return pool

    async def _check(self, call: Any, *, is_change: bool = False) -> None:
        if self._is_silent:
            await asyncio.Event().wait()
        if self._refusals and is_change:
            error = self._refusals.pop(0)
            await call.abort(grpc.StatusCode[error.code], error.words)
        if not self._has_cluster:
            await call.abort(grpc.StatusCode.NOT_FOUND, f"Not found: {SETTINGS.parent}.")


def _handler(answer: Callable[[Any, Any], Awaitable[Any]], asked: Any, answered: Any) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=asked.deserialize,
        response_serializer=answered.serialize,
    )
