"""The port on GKE. Calls return once the service has accepted; how far it is, is asked later."""

from collections.abc import Awaitable
from typing import Any, TypeVar

from google.api_core.exceptions import AlreadyExists, GoogleAPICallError, GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.cloud.container_v1 import ClusterManagerAsyncClient, NodePool

from kaito.base.clock import Clock
from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.cloud.gcp.failures import classify_code
from kaito.cloud.gcp.settings import GcpSettings
from kaito.cloud.gcp.shape import NODE_LABEL, render_node_pool, to_machine
from kaito.cloud.port import CloudMachine, MachineRequest

R = TypeVar("R")

_SECONDS = 30.0


class GcpCloud:
    """Machines as node pools of one GKE cluster."""

    name: str = "gcp"
    node_label: str = NODE_LABEL

    def __init__(
        self,
        client: ClusterManagerAsyncClient,
        settings: GcpSettings,
        *,
        clock: Clock,
        timeout: float = _SECONDS,
    ) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        # Who waits here is a loop that asks again by itself, and says meanwhile why.
        self._options: dict[str, Any] = {"retry": None, "timeout": timeout}

    async def launch(self, request: MachineRequest) -> None:
        """See `Cloud.launch`."""
        pool = render_node_pool(request, self._settings, self._clock.now())
        body = {"parent": self._settings.parent, "node_pool": pool}
        try:
            await _call(self._client.create_node_pool(body, **self._options))
        except _There:
            return

    async def find(self, name: str) -> CloudMachine | None:
        """See `Cloud.find`."""
        body = {"name": self._settings.pool(name)}
        try:
            pool = await _call(self._client.get_node_pool(body, **self._options))
        except CloudFailure as failure:
            if failure.kind is not FailureKind.NOT_FOUND:
                raise
            # A missing cluster is answered in the same way: its pools cannot be listed, though.
            await self._list()
            return None
        return self._to_machine(pool)

    async def list_machines(self) -> tuple[CloudMachine, ...]:
        """See `Cloud.list_machines`."""
        found = [self._to_machine(pool) for pool in await self._list()]
        return tuple(sorted((m for m in found if m.claim_uid), key=lambda m: m.name))

    async def terminate(self, name: str) -> None:
        """See `Cloud.terminate`."""
        machine = await self.find(name)
        if machine is None or machine.state == "deleting":
            return
        body = {"name": self._settings.pool(name)}
        await _call(self._client.delete_node_pool(body, **self._options))

    async def close(self) -> None:
        """See `Cloud.close`."""
        transport: Any = self._client.transport  # its `close` has no annotations
        await transport.close()

    async def _list(self) -> tuple[NodePool, ...]:
        body = {"parent": self._settings.parent}
        answer = await _call(self._client.list_node_pools(body, **self._options))
        return tuple(answer.node_pools)

    def _to_machine(self, pool: NodePool) -> CloudMachine:
        written = NodePool.to_dict(pool, use_integers_for_enums=False)
        return to_machine(written, self._settings.cluster)


class _There(Exception):
    """What was to be made is there."""


async def _call(call: Awaitable[R]) -> R:
    """One call of the SDK.

    Raises:
        _There: what was to be made is there.
        CloudFailure: the service answered with another error, or not at all.
    """
    try:
        return await call
    except AlreadyExists as error:
        raise _There from error
    except GoogleAPICallError as error:
        code = error.grpc_status_code.name if error.grpc_status_code else ""
        raise classify_code(code, str(error.message)) from error
    except GoogleAuthError as error:
        raise CloudFailure(FailureKind.UNAUTHORIZED, str(error)) from error
    except GoogleAPIError as error:
        raise CloudFailure(FailureKind.UNAVAILABLE, str(error)) from error


def open_cloud(settings: GcpSettings, clock: Clock) -> GcpCloud:
    """The cloud for these settings, with the credentials that the SDK finds.

    Raises:
        CloudFailure: it finds none.
    """
    try:
        client = ClusterManagerAsyncClient()
    except GoogleAuthError as error:
        raise CloudFailure(FailureKind.UNAUTHORIZED, str(error)) from error
    return GcpCloud(client, settings, clock=clock)
