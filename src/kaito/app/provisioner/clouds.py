"""The one place that knows every cloud; each is imported only when it is asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kaito.base.clock import Clock
from kaito.base.errors import KaitoError
from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.cloud.port import Cloud, CloudMachine, MachineRequest
from kaito.cloud.settings import missing_sdk

CLOUDS = ("azure", "aws", "gcp")
"""Names that `--cloud` takes."""


def open_cloud(name: str, environment: Mapping[str, str], clock: Clock) -> Cloud:
    """The cloud of that name, set up from the environment.

    Raises:
        UsageError: settings are missing, or the cloud's library is not installed.
        CloudFailure: there are no credentials.
    """
    try:
        return _OPENERS[name](environment, clock)
    except ImportError as error:
        raise missing_sdk(name, error) from error


def _open_azure(environment: Mapping[str, str], clock: Clock) -> Cloud:
    from kaito.cloud.azure.settings import read_settings

    settings = read_settings(environment)
    from kaito.cloud.azure.cloud import open_cloud as open_azure

    return open_azure(settings, clock)


def _open_aws(environment: Mapping[str, str], clock: Clock) -> Cloud:
    from kaito.cloud.aws.settings import read_settings

    del clock  # EKS says itself when a group was made
    settings = read_settings(environment)
    from kaito.cloud.aws.cloud import open_cloud as open_aws

    return open_aws(settings)


def _open_gcp(environment: Mapping[str, str], clock: Clock) -> Cloud:
    from kaito.cloud.gcp.settings import read_settings

    settings = read_settings(environment)
    from kaito.cloud.gcp.cloud import open_cloud as open_gcp

    return open_gcp(settings, clock)


_OPENERS: dict[str, Callable[[Mapping[str, str], Clock], Cloud]] = {
    "azure": _open_azure,
    "aws": _open_aws,
    "gcp": _open_gcp,
}


@dataclass(frozen=True, slots=True)
class FencedCloud:
    """A cloud that is asked for changes only while `require` lets us; looking is free."""

    cloud: Cloud
    require: Callable[[], None]
    """Raises `KaitoError` once this process no longer leads."""

    @property
    def name(self) -> str:
        """The cloud's."""
        return self.cloud.name

    @property
    def node_label(self) -> str:
        """The cloud's."""
        return self.cloud.node_label

    async def launch(self, request: MachineRequest) -> None:
        """See `Cloud.launch`."""
        self._check()
        await self.cloud.launch(request)

    async def find(self, name: str) -> CloudMachine | None:
        """See `Cloud.find`."""
        return await self.cloud.find(name)

    async def list_machines(self) -> tuple[CloudMachine, ...]:
        """See `Cloud.list_machines`."""
        return await self.cloud.list_machines()

    async def terminate(self, name: str) -> None:
        """See `Cloud.terminate`."""
        self._check()
        await self.cloud.terminate(name)

    async def close(self) -> None:
        """See `Cloud.close`."""
        await self.cloud.close()

    def _check(self) -> None:
        try:
            self.require()
        except KaitoError as error:
            raise CloudFailure(FailureKind.UNAVAILABLE, f"not asked: {error}") from error
