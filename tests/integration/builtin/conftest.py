"""One cluster a test, in which no pass may have failed for a reason of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.builtin.cluster import Cluster, running_cluster


@pytest.fixture
async def cluster(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Cluster]:
    async with running_cluster(tmp_path) as cluster:
        yield cluster
    assert "reconcile failed" not in caplog.messages
