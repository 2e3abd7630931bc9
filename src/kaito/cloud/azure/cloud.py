"""The port on AKS. Calls return once the service has accepted; how far it is, is asked later."""

from collections.abc import Awaitable
from typing import Any, TypeVar

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.identity.aio import DefaultAzureCredential
from azure.mgmt.containerservice.aio import ContainerServiceClient
from azure.mgmt.containerservice.models import AgentPool

from kaito.base.clock import Clock
from kaito.cloud.azure.failures import classify_code
from kaito.cloud.azure.settings import AzureSettings
from kaito.cloud.azure.shape import NODE_LABEL, render_agent_pool, to_machine
from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.cloud.port import CloudMachine, MachineRequest

R = TypeVar("R")

_CONNECT_SECONDS, _READ_SECONDS = 5, 30


class AzureCloud:
    """Machines as agent pools of one AKS cluster."""

    name: str = "azure"
    node_label: str = NODE_LABEL

    def __init__(
        self,
        client: ContainerServiceClient,
        settings: AzureSettings,
        *,
        clock: Clock,
        credential: AsyncTokenCredential | None = None,
    ) -> None:
        """`credential` is closed together with the client."""
        self._client = client
        self._pools = client.agent_pools
        self._settings = settings
        self._cluster = (settings.resource_group, settings.cluster)
        self._clock = clock
        self._credential = credential

    async def launch(self, request: MachineRequest) -> None:
        """See `Cloud.launch`."""
        body = render_agent_pool(request, self._settings, self._clock.now())
        # The service's verb is "create or update": what is there must not be changed by it.
        if await self.find(request.name) is not None:
            return
        pool = AgentPool(body)
        await _call(
            self._pools.begin_create_or_update(*self._cluster, request.name, pool, polling=False)
        )

    async def find(self, name: str) -> CloudMachine | None:
        """See `Cloud.find`."""
        try:
            pool = await _call(self._pools.get(*self._cluster, name))
        except CloudFailure as failure:
            if failure.kind is not FailureKind.NOT_FOUND:
                raise
            # A missing cluster is answered in the same way: its pools cannot be listed, though.
            await self._list()
            return None
        return to_machine(pool.as_dict(), self._settings.cluster)

    async def list_machines(self) -> tuple[CloudMachine, ...]:
        """See `Cloud.list_machines`."""
        found = (to_machine(pool.as_dict(), self._settings.cluster) for pool in await self._list())
        return tuple(sorted((m for m in found if m.claim_uid), key=lambda m: m.name))

    async def terminate(self, name: str) -> None:
        """See `Cloud.terminate`."""
        machine = await self.find(name)
        if machine is None or machine.state == "deleting":
            return
        await _call(self._pools.begin_delete(*self._cluster, name, polling=False))

    async def close(self) -> None:
        """See `Cloud.close`."""
        await self._client.close()
        if self._credential is not None:
            await self._credential.close()

    async def _list(self) -> tuple[AgentPool, ...]:
        async def pages() -> tuple[AgentPool, ...]:
            return tuple([pool async for pool in self._pools.list(*self._cluster)])

        return await _call(pages())


async def _call(call: Awaitable[R]) -> R:
    """One call of the SDK.

    Raises:
        CloudFailure: the service answered with an error, or not at all.
    """
    try:
        return await call
    except HttpResponseError as error:
        raise _to_failure(error) from error
    except AzureError as error:
        raise CloudFailure(FailureKind.UNAVAILABLE, str(error.message)) from error


def _to_failure(error: HttpResponseError) -> CloudFailure:
    status = error.status_code or 0
    if isinstance(error, ClientAuthenticationError) and not error.response:
        return CloudFailure(FailureKind.UNAUTHORIZED, str(error.message))
    found: Any = error.error
    code = str(getattr(found, "code", "") or "")
    words = str(getattr(found, "message", "") or error.message)
    response: Any = error.response
    wait = str(response.headers.get("Retry-After", "")) if response else ""
    return classify_code(
        code,
        words,
        status=status,
        details=_details(error),
        retry_after=float(wait) if wait.isdigit() else 0.0,
    )


def _details(error: HttpResponseError) -> dict[str, Any]:
    """The error as the service wrote it; empty when it is not the usual JSON."""
    response: Any = error.response
    try:
        body = response.json() if response else {}
    except ValueError:
        return {}
    found = body.get("error", body) if isinstance(body, dict) else {}
    return found if isinstance(found, dict) else {}


def open_cloud(settings: AzureSettings, clock: Clock) -> AzureCloud:
    """The cloud for these settings, with the credentials that the SDK finds."""
    credential = DefaultAzureCredential()
    client = ContainerServiceClient(
        credential,
        settings.subscription,
        connection_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        # Who waits here is a loop that asks again by itself, and says meanwhile why.
        retry_total=1,
    )
    return AzureCloud(client, settings, clock=clock, credential=credential)
