"""An API server over TLS with our CRDs, and operators as processes that talk to it.

No kubelet, no scheduler, no cloud: what an operator writes stays as it wrote it.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from kaito.api.core import CRDS
from kaito.api.crd import nodeclaim_crd
from kaito.api.kinds import KINDS
from kaito.api.meta import Manifest
from kaito.base.clock import SystemClock
from kaito.kube.client import Client
from kaito.kube.config import on_socket
from kaito.local.apiserver.kubeconfig import write_kubeconfig
from kaito.local.apiserver.pki import ensure_pki
from kaito.local.apiserver.server import ApiServer, TlsAddress
from kaito.local.store.memory import MemoryStore

PATIENCE = 30.0
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Cluster:
    """A running API server, and how to reach it."""

    client: Client
    server: ApiServer
    folder: Path

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def operator(self, *arguments: str, **environment: str) -> "Operator":
        """An operator that is not started yet, on free ports, without a webhook unless asked."""
        defaults = {"--webhook": "false", "--metrics-bind-address": f"{HOST}:0"}
        defaults["--health-probe-bind-address"] = f"{HOST}:0"
        given = {argument.partition("=")[0] for argument in arguments}
        flags = [f"{flag}={value}" for flag, value in defaults.items() if flag not in given]
        command = [*flags, "--kubeconfig", str(self.kubeconfig), *arguments]
        return Operator(command, {"RELEASE_NAMESPACE": "default", **environment})


@asynccontextmanager
async def running_cluster(folder: Path, *, crds: bool = True) -> AsyncIterator[Cluster]:
    """An API server in this process."""
    clock = SystemClock()
    server = ApiServer(MemoryStore(), clock, token="secret")
    pki = ensure_pki(folder / "pki", clock.now())
    address = TlsAddress(host=HOST, port=0, certificate=pki.certificate, key=pki.key)
    socket = folder / "api.sock"
    port = await server.start(unix_socket=socket, tls=address)
    url = f"https://{HOST}:{port}"
    write_kubeconfig(folder / "kubeconfig", url=url, ca=pki.ca.read_bytes(), token="secret")
    try:
        async with Client(on_socket(socket)) as client:
            if crds:
                await install_crds(client)
            yield Cluster(client, server, folder)
    finally:
        await server.stop()


async def install_crds(client: Client) -> None:
    """What the chart brings."""
    for manifest in (*(kind.definition.to_manifest() for kind in KINDS), nodeclaim_crd()):
        await client.apply(CRDS, manifest, manager="test")


class Operator:
    """One operator process. Use as an async context manager: it is killed at the end."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self._arguments = arguments
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("KAITO_", "KUBE"))}
        self._environment = {**inherited, **environment}
        self.logs: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self._logged = asyncio.Event()

    async def __aenter__(self) -> "Operator":
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kaito", "operator", *self._arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            try:
                self.logs.append(json.loads(line))
            except ValueError:
                self.errors.append(line.decode())
            self._logged.set()

    async def says(self, message: str, **fields: str) -> dict[str, Any]:
        """The first log record of that message with those fields, as soon as there is one."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self._logged.clear()
                for record in self.logs:
                    if record["message"] == message and fields.items() <= record.items():
                        return record
                await self._logged.wait()

    async def get(self, what: str, path: str) -> tuple[int, str]:
        """Status and text of one of its endpoints."""
        port = (await self.says("serving", what=what))["port"]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{HOST}:{port}{path}") as answer,
        ):
            return answer.status, await answer.text()

    async def ended(self) -> int:
        """Its exit status."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


async def eventually(ask: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds that another process does, and that only asking tells."""
    clock = SystemClock()
    async with asyncio.timeout(PATIENCE):
        while not await ask():
            await clock.sleep(0.05)


def workspace(name: str, namespace: str = "default", preset: str = "phi-4") -> Manifest:
    """A Workspace on a machine that it fits."""
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": namespace},
        "resource": {
            "instanceType": "Standard_NC24ads_A100_v4",
            "labelSelector": {"matchLabels": {"apps": name}},
        },
        "inference": {"preset": {"name": preset}},
    }
