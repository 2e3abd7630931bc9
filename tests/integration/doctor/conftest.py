"""One API server a test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.cli.cluster import Cluster, running_cluster


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with running_cluster(tmp_path) as cluster:
        yield cluster
