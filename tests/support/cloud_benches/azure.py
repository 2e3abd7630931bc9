"""azure-mgmt-containerservice over HTTP against a small stand-in of the agent pools resource.

Shapes and errors are those of https://learn.microsoft.com/rest/api/aks/agent-pools and of reports
that quote the service.
"""

import asyncio
from copy import deepcopy
from typing import Any, Self

from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.containerservice.aio import ContainerServiceClient

from cloud_benches.bench import Recorded
from kaito.base.clock import SystemClock
from kaito.cloud.azure.cloud import AzureCloud
from kaito.cloud.azure.settings import AzureSettings
from kaito.cloud.failure import FailureKind
from kaito.cloud.port import MachineState

SETTINGS = AzureSettings(
    subscription="00000000-0000-0000-0000-000000000001", resource_group="models", cluster="aks"
)
_CLUSTER = (
    f"/subscriptions/{SETTINGS.subscription}/resourceGroups/{SETTINGS.resource_group}"
    f"/providers/Microsoft.ContainerService/managedClusters/{SETTINGS.cluster}"
)
_STATES = {
    "creating": "Creating",
    "running": "Succeeded",
    "deleting": "Deleting",
    "failed": "Failed",
}
_PATIENCE = 3.0
"""Seconds until the client gives up on a service that is silent."""

K = FailureKind
REFUSALS = (
    Recorded(
        kind=K.UNAUTHORIZED,
        status=403,
        code="AuthorizationFailed",
        words="The client 'x' with object id 'x' does not have authorization to perform action "
        "'Microsoft.ContainerService/managedClusters/agentPools/write' over scope 'y'.",
    ),
    Recorded(
        kind=K.UNAUTHORIZED,
        status=401,
        code="ExpiredAuthenticationToken",
        words="The access token expiry UTC time is earlier than current UTC time.",
    ),
    Recorded(
        kind=K.QUOTA,
        status=400,
        code="ErrCode_InsufficientVCPUQuota",
        words="Insufficient vcpu quota requested 24, remaining 0 for family "
        "standardNCADSA100v4Family for region eastus.",
    ),
    Recorded(
        kind=K.QUOTA,
        status=409,
        code="OperationNotAllowed",
        words="Operation could not be completed as it results in exceeding approved "
        "standardNCADSA100v4Family Cores quota.",
    ),
    Recorded(
        kind=K.CAPACITY,
        status=400,
        code="SkuNotAvailable",
        words="The requested VM size Standard_NC24ads_A100_v4 is currently not available in "
        "location eastus.",
    ),
    Recorded(
        kind=K.INVALID,
        status=400,
        code="BadRequest",
        words="The value of parameter agentPoolProfile.vmSize is invalid.",
    ),
    Recorded(
        kind=K.THROTTLED,
        status=409,
        code="OperationNotAllowed",
        words="Operation is not allowed: Another operation (Updating) is in progress, please wait "
        "for it to finish before starting a new operation.",
    ),
    Recorded(kind=K.THROTTLED, status=429, code="TooManyRequests", words="Too many requests."),
    Recorded(
        kind=K.UNAVAILABLE,
        status=500,
        code="InternalServerError",
        words="Encountered an internal server error.",
    ),
)
BREAKDOWNS = (
    Recorded(
        kind=K.CAPACITY,
        code="ReconcileVMSSAgentPoolFailed",
        words="Code='AllocationFailed' Message='Allocation failed. We do not have sufficient "
        "capacity for the requested VM size in this region.'",
    ),
    Recorded(
        kind=K.CAPACITY,
        code="ZonalAllocationFailed",
        words="Allocation failed for the requested VM size in zone 1.",
    ),
    Recorded(
        kind=K.QUOTA,
        code="QuotaExceeded",
        words="Operation could not be completed as it results in exceeding approved quota.",
    ),
    Recorded(
        kind=K.UNAVAILABLE,
        code="VMExtensionProvisioningError",
        words="VM has reported a failure when processing extension 'vmssCSE'.",
    ),
)


class _Credential:
    """Never asked: the tests' client sends no token."""

    async def get_token(self, *_: str, **__: object) -> AccessToken:
        raise AssertionError("no token is needed here")

    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


class AzureBench:
    """See `Bench`."""

    instance_type = "Standard_NC24ads_A100_v4"

    def __init__(self) -> None:
        self.pools: dict[str, dict[str, Any]] = {}
        self.sent: list[dict[str, Any]] = []
        """Bodies of every request that creates."""
        self._refusals: list[Recorded] = []
        self._is_silent = asyncio.Event()
        self._has_cluster = True
        self._created = 0
        app = web.Application()
        app.router.add_get(f"{_CLUSTER}/agentPools", self._list)
        app.router.add_get(f"{_CLUSTER}/agentPools/{{name}}", self._get)
        app.router.add_put(f"{_CLUSTER}/agentPools/{{name}}", self._put)
        app.router.add_delete(f"{_CLUSTER}/agentPools/{{name}}", self._delete)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)

    async def open(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        client = ContainerServiceClient(
            _Credential(),
            SETTINGS.subscription,
            base_url=f"http://127.0.0.1:{port}",
            authentication_policy=SansIOHTTPPolicy(),
            retry_total=0,
            read_timeout=_PATIENCE,
        )
        self.cloud = AzureCloud(client, SETTINGS, clock=SystemClock())

    async def close(self) -> None:
        await self.cloud.close()
        await self._runner.cleanup()

    def refuse(self, error: Recorded, *, times: int = 1) -> None:
        self._refusals += [error] * times

    def go_silent(self) -> None:
        self._is_silent.set()

    def set_state(self, name: str, state: MachineState, why: Recorded | None = None) -> None:
        properties = self.pools[name]["properties"]
        properties["provisioningState"] = _STATES[state]
        if why:
            error = {"code": why.code, "message": why.words}
            properties["status"] = {"provisioningError": error}

    def remove(self, name: str) -> None:
        del self.pools[name]

    def remove_cluster(self) -> None:
        self._has_cluster = False

    def add_foreign(self, name: str) -> None:
        self.pools[name] = self._stored(name, {"properties": {"mode": "System", "count": 3}})
        self.set_state(name, "running")

    def created(self) -> int:
        return self._created

    async def _list(self, request: web.Request) -> web.Response:
        return await self._refused(request) or web.json_response(
            {"value": list(self.pools.values())}
        )

    async def _get(self, request: web.Request) -> web.Response:
        if refused := await self._refused(request):
            return refused
        pool = self.pools.get(request.match_info["name"])
        if pool is None:
            return _error(404, "NotFound", "Could not find the agent pool.")
        return web.json_response(pool)

    async def _put(self, request: web.Request) -> web.Response:
        if refused := await self._refused(request):
            return refused
        body = await request.json()
        name = request.match_info["name"]
        self.sent.append(deepcopy(body))
        self._created += name not in self.pools
        self.pools[name] = self._stored(name, body)
        return web.json_response(self.pools[name], status=201)

    async def _delete(self, request: web.Request) -> web.Response:
        if refused := await self._refused(request):
            return refused
        self.set_state(request.match_info["name"], "deleting")
        return web.Response(status=202)

    async def _refused(self, request: web.Request) -> web.Response | None:
        if self._is_silent.is_set():
            await asyncio.Event().wait()
        # Only changes are refused: what is asked first is whether there is anything to change.
        if self._refusals and request.method in ("PUT", "DELETE"):
            error = self._refusals.pop(0)
            return _error(error.status, error.code, error.words)
        if not self._has_cluster:
            words = f"The Resource '{_CLUSTER}' was not found."
            return _error(404, "ResourceNotFound", words)
        return None

    def _stored(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        properties = {**body["properties"], "provisioningState": "Creating"}
        return {
            "id": f"{_CLUSTER}/agentPools/{name}",
            "name": name,
            "type": "Microsoft.ContainerService/managedClusters/agentPools",
            "properties": properties,
        }


def _error(status: int, code: str, words: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": words}}, status=status)
