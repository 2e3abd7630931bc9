"""A real API server in this process, over a socket, with nothing else running."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kaito.base.clock import SystemClock
from kaito.kube.client import Client
from kaito.kube.config import on_socket
from kaito.local.apiserver.server import ApiServer
from kaito.local.store.memory import MemoryStore


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ApiServer]:
    server = ApiServer(MemoryStore(), SystemClock(), token="unused")
    await server.start(unix_socket=tmp_path / "api.sock")
    yield server
    await server.stop()


@pytest.fixture
async def client(server: ApiServer, tmp_path: Path) -> AsyncIterator[Client]:
    async with Client(on_socket(tmp_path / "api.sock")) as client:
        yield client
