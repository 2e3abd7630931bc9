"""One server a test, on a store in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.apiserver.api import DEFINITIONS, Api, running_api, widgets

from kaito.base.clock import ManualClock


@pytest.fixture
async def api(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Api]:
    async with running_api(tmp_path, clock) as api:
        yield api


@pytest.fixture
async def widget_api(api: Api) -> Api:
    """The same, with Widgets defined."""
    (await api.post(DEFINITIONS, widgets())).ok()
    return api
