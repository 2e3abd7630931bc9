"""A running plane a test, which must have let go of everything when the test ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.streaming.plane import Plane


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    plane = Plane(tmp_path)
    await plane.start()
    yield plane
    await plane.stop()
    assert plane.pods.open_sessions == 0
    assert plane.pods.open_logs == 0
    assert all(writer.transport.is_closing() for writer in plane.pods.dialled)
    assert asyncio.all_tasks() == {asyncio.current_task()}
