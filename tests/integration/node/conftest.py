"""A plane with an agent for each test, with and without a sandbox where that matters."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.node.plane import Plane, api_plane, node_agent, settings

from kaito.local.node.agent import NodeAgent


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with api_plane(tmp_path) as found:
        yield found


@pytest.fixture
async def agent(plane: Plane) -> AsyncIterator[NodeAgent]:
    async with node_agent(plane, settings(plane.state)) as found:
        yield found
