"""The registry dies in the middle of a pull: what was fetched is not fetched again, either way."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from registry_clients import Counted, read_files, talking
from registry_double import RegistryDouble

from kaito.base.clock import SystemClock
from kaito.base.quantity import MIB
from kaito.registry import download
from kaito.registry.client import open_registry
from kaito.registry.content import pull_content
from kaito.registry.credentials import ANONYMOUS
from kaito.registry.errors import RegistryError
from kaito.registry.manifest import MANIFEST_TYPE, TITLE
from kaito.registry.reference import Reference, parse_reference

WEIGHTS = random.Random(3).randbytes(20 * MIB)
SENT = 7 * MIB
"""Before it dies, of the first range of 10."""


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges as small, to the file, as real ones are to a model."""
    monkeypatch.setattr(download, "RANGE_BYTES", 10 * MIB)


@asynccontextmanager
async def living(double: RegistryDouble, port: int = 0) -> AsyncIterator[int]:
    """One life of a registry; its port. At the end all its connections are cut."""
    runner = web.AppRunner(double.application(), shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    found = int(runner.addresses[0][1])
    double.host = f"127.0.0.1:{found}"
    try:
        yield found
    finally:
        await runner.cleanup()


class Awaited(Counted):
    """Progress that says when everything that will be sent has arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()

    def advance(self, size: int, *, item: str = "") -> None:
        """Count."""
        super().advance(size, item=item)
        if self.done == SENT:
            self.reached.set()


def publish(double: RegistryDouble) -> Reference:
    """Put the weights there."""
    layer = {
        "mediaType": "application/octet-stream",
        "digest": double.add_blob("tests/model", WEIGHTS),
        "size": len(WEIGHTS),
        "annotations": {TITLE: "weights"},
    }
    document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "layers": [layer]}
    double.add_manifest("tests/model", "1", document, MANIFEST_TYPE)
    return parse_reference(f"{double.host}/tests/model:1")


async def test_a_registry_that_comes_back_is_gone_on_with_by_the_same_pull(tmp_path: Path) -> None:
    double, progress = RegistryDouble(), Awaited()
    double.faults.stall_after = SENT
    async with open_registry(ANONYMOUS, clock=SystemClock()) as registry:
        async with living(double) as port:
            reference = publish(double)
            pulling = asyncio.create_task(
                pull_content(registry, reference, tmp_path, progress=progress)
            )
            await asyncio.wait_for(progress.reached.wait(), 30)
        assert double.served == SENT
        double.faults.stall_after = -1
        async with living(double, port), asyncio.timeout(30):
            await pulling
    assert read_files(tmp_path) == {"weights": WEIGHTS}
    assert double.served == progress.arrived == len(WEIGHTS)


async def test_a_registry_that_stays_away_is_a_reason_and_the_next_pull_takes_the_rest(
    tmp_path: Path,
) -> None:
    double, progress = RegistryDouble(), Awaited()
    double.faults.stall_after = SENT
    async with talking() as registry:
        async with living(double) as port:
            reference = publish(double)
            pulling = asyncio.create_task(
                pull_content(registry, reference, tmp_path, progress=progress)
            )
            await asyncio.wait_for(progress.reached.wait(), 30)
        with pytest.raises(RegistryError, match=r"^weights: cannot reach 127\.0\.0\.1") as caught:
            await pulling
    assert caught.value.kind == "unreachable"
    assert read_files(tmp_path).keys() != {"weights"}
    double.faults.stall_after = -1
    async with living(double, port), talking() as registry:
        again = Counted()
        asked = parse_reference(f"{double.host}/tests/model:1")
        await pull_content(registry, asked, tmp_path, progress=again)
    assert read_files(tmp_path) == {"weights": WEIGHTS}
    assert double.served == len(WEIGHTS)
    assert again.arrived == len(WEIGHTS) - SENT
