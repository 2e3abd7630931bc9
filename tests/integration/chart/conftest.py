"""One API server a test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.chart.cluster import Site, running_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(tmp_path) as site:
        yield site
