"""Every cloud there is a bench for, by name."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache

from cloud_benches import aws, azure, gcp
from cloud_benches.aws import AwsBench, moto_server
from cloud_benches.azure import AzureBench
from cloud_benches.bench import Bench, Recorded
from cloud_benches.gcp import GcpBench


@asynccontextmanager
async def _open_aws() -> AsyncIterator[Bench]:
    found = AwsBench(moto_address())
    yield found
    await found.cloud.close()


@asynccontextmanager
async def _open_azure() -> AsyncIterator[Bench]:
    found = AzureBench()
    await found.open()
    yield found
    await found.close()


@asynccontextmanager
async def _open_gcp() -> AsyncIterator[Bench]:
    found = GcpBench()
    await found.open()
    yield found
    await found.close()


OPENERS: dict[str, Callable[[], AbstractAsyncContextManager[Bench]]] = {
    "aws": _open_aws,
    "azure": _open_azure,
    "gcp": _open_gcp,
}
RECORDED: dict[str, tuple[tuple[Recorded, ...], tuple[Recorded, ...]]] = {
    "aws": (aws.REFUSALS, aws.BREAKDOWNS),
    "azure": (azure.REFUSALS, azure.BREAKDOWNS),
    "gcp": (gcp.REFUSALS, gcp.BREAKDOWNS),
}
"""Refused launches and failed machines of each cloud."""


@cache
def moto_address() -> str:
    """One server for all tests of a process: it takes a second to end; benches empty it."""
    return moto_server()
