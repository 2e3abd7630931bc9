"""A running plane a test, which must have let go of everything when the test ends."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.streaming.plane import Plane


@pytest.fixture
async def plane(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Plane]:
    plane = Plane(tmp_path)
    await plane.start()
    yield plane
    await plane.stop()
    loud = [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert not loud, loud
    assert plane.pods.open_sessions == 0
    assert plane.pods.open_logs == 0
    assert all(writer.transport.is_closing() for writer in plane.pods.dialled)
    assert asyncio.all_tasks() == {asyncio.current_task()}
