"""The port on EKS. boto3 blocks, so each call runs in a thread; nothing else here does."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from kaito.base.errors import UsageError
from kaito.cloud.aws.failures import classify_code
from kaito.cloud.aws.settings import AwsSettings
from kaito.cloud.aws.shape import NODE_LABEL, render_nodegroup, to_machine
from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.cloud.port import CloudMachine, MachineRequest

R = TypeVar("R")

_CALLS = Config(
    connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 2}
)


class Eks(Protocol):
    """What we call of the SDK's client, which is generated at run time."""

    def create_nodegroup(self, **arguments: Any) -> dict[str, Any]:
        """See API_CreateNodegroup."""
        ...

    def describe_nodegroup(self, **arguments: Any) -> dict[str, Any]:
        """See API_DescribeNodegroup."""
        ...

    def delete_nodegroup(self, **arguments: Any) -> dict[str, Any]:
        """See API_DeleteNodegroup."""
        ...

    def describe_cluster(self, **arguments: Any) -> dict[str, Any]:
        """See API_DescribeCluster."""
        ...

    def get_paginator(self, operation_name: str) -> Any:
        """Pages of a list operation."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class AwsCloud:
    """Machines as managed node groups of one EKS cluster."""

    name = "aws"
    node_label = NODE_LABEL

    def __init__(self, eks: Eks, settings: AwsSettings) -> None:
        self._eks = eks
        self._settings = settings
        self._subnets = settings.subnets

    async def launch(self, request: MachineRequest) -> None:
        """See `Cloud.launch`."""
        # No request token of our own: it would outlive a group that failed, and a second try
        # would then be answered without being done. The name is what makes it idempotent.
        arguments = render_nodegroup(request, self._settings, await self._find_subnets())
        try:
            await _call(lambda: self._eks.create_nodegroup(**arguments))
        except _Refused as refused:
            # Also the answer while another operation runs; then there is no group yet.
            if refused.code != "ResourceInUseException" or not await self.find(request.name):
                raise refused.failure from refused

    async def find(self, name: str) -> CloudMachine | None:
        """See `Cloud.find`."""
        try:
            return await self._describe(name)
        except _Refused as refused:
            if refused.code != "ResourceNotFoundException":
                raise refused.failure from refused
        # A missing cluster is answered in the same way, and must not pass for a missing machine.
        await self._describe_cluster()
        return None

    async def list_machines(self) -> tuple[CloudMachine, ...]:
        """See `Cloud.list_machines`."""
        try:
            names = await _call(self._list_names)
        except _Refused as refused:
            raise refused.failure from refused
        found = [await self.find(name) for name in sorted(names)]
        return tuple(machine for machine in found if machine and machine.claim_uid)

    async def terminate(self, name: str) -> None:
        """See `Cloud.terminate`."""
        machine = await self.find(name)
        if machine is None or machine.state == "deleting":
            return
        group = {"clusterName": self._settings.cluster, "nodegroupName": name}
        try:
            await _call(lambda: self._eks.delete_nodegroup(**group))
        except _Refused as refused:
            if refused.code != "ResourceNotFoundException":
                raise refused.failure from refused

    async def close(self) -> None:
        """See `Cloud.close`."""
        self._eks.close()

    async def _describe(self, name: str) -> CloudMachine:
        group = {"clusterName": self._settings.cluster, "nodegroupName": name}
        found = await _call(lambda: self._eks.describe_nodegroup(**group))
        return to_machine(found["nodegroup"], self._settings.cluster)

    async def _describe_cluster(self) -> dict[str, Any]:
        cluster = self._settings.cluster
        try:
            found = await _call(lambda: self._eks.describe_cluster(name=cluster))
        except _Refused as refused:
            raise refused.failure from refused
        described: dict[str, Any] = found["cluster"]
        return described

    async def _find_subnets(self) -> tuple[str, ...]:
        if not self._subnets:
            described = await self._describe_cluster()
            self._subnets = tuple(described["resourcesVpcConfig"]["subnetIds"])
        return self._subnets

    def _list_names(self) -> list[str]:
        pages = self._eks.get_paginator("list_nodegroups")
        found = pages.paginate(clusterName=self._settings.cluster)
        return [name for page in found for name in page["nodegroups"]]


class _Refused(Exception):
    """The service answered with an error."""

    def __init__(self, error: ClientError) -> None:
        answer = error.response
        self.code = str(answer.get("Error", {}).get("Code", ""))
        words = str(answer.get("Error", {}).get("Message", "") or error)
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        self.failure = classify_code(self.code, words, status=status)
        super().__init__(words)


async def _call(call: Callable[[], R]) -> R:
    """One call of the SDK.

    Raises:
        _Refused: the service answered with an error.
        CloudFailure: it did not answer, or could not be asked.
    """
    try:
        return await asyncio.to_thread(call)
    except ClientError as error:
        raise _Refused(error) from error
    except NoCredentialsError as error:
        words = "the SDK finds no AWS credentials; give the pod an IAM role"
        raise CloudFailure(FailureKind.UNAUTHORIZED, words) from error
    except BotoCoreError as error:
        raise CloudFailure(FailureKind.UNAVAILABLE, str(error)) from error


def open_cloud(settings: AwsSettings) -> AwsCloud:
    """The cloud for these settings, with the credentials that the SDK finds.

    Raises:
        UsageError: there is no region.
    """
    try:
        eks: Eks = boto3.client(
            "eks",
            region_name=settings.region or None,
            endpoint_url=settings.endpoint or None,
            config=_CALLS,
        )
    except NoRegionError as error:
        raise UsageError("--cloud aws needs a region", hint="set AWS_REGION") from error
    return AwsCloud(eks, settings)
