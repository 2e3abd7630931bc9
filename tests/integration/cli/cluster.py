"""The API server in this process, and `kaito` run against it as a user runs it.

No controller runs: tests write what a controller would have, so that every moment of a Workspace's
life can be held still.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from kaito.api.core import CRDS
from kaito.api.crd import nodeclaim_crd, workspace_crd
from kaito.api.meta import Key, Manifest
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.app.admission import KaitoAdmission
from kaito.base.clock import SystemClock, to_rfc3339
from kaito.kube.client import Client
from kaito.kube.config import on_socket
from kaito.local.apiserver.kubeconfig import write_kubeconfig
from kaito.local.apiserver.pki import ensure_pki
from kaito.local.apiserver.server import ApiServer, TlsAddress
from kaito.local.store.memory import MemoryStore

PATIENCE = 60.0
"""Seconds that one command may take."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str


class Cluster:
    """An API server to look at and to talk to."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self._started: list[asyncio.subprocess.Process] = []

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "KAITO_STATE_DIR": str(self.folder / "state"),
            "HOME": str(self.folder),
        }

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start `kaito`; whoever calls waits for it."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kaito", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment,
            cwd=self.folder,
        )
        self._started.append(process)
        return process

    async def stop(self) -> None:
        """End what a failed test left running."""
        for process in self._started:
            if process.returncode is None:
                process.kill()
                await process.communicate()

    async def kaito(self, *arguments: str, stdin: str = "") -> Finished:
        return await finish(await self.start(*arguments), stdin)

    def write(self, name: str, text: str) -> str:
        """A file in the folder that commands run in; its name."""
        (self.folder / name).write_text(text)
        return name

    async def report(
        self, key: Key, conditions: Sequence[Manifest], **status: Manifest
    ) -> Workspace:
        """Write conditions, and whatever else, as the Workspace controller would."""
        live = await self.client.get(WORKSPACES, key)
        now = to_rfc3339(SystemClock().now())
        stamp = {"lastTransitionTime": now, "observedGeneration": live.metadata.generation}
        patch = {"status": {"conditions": [{**stamp, **one} for one in conditions], **status}}
        return await self.client.patch(WORKSPACES, key, patch, subresource="status")


async def finish(process: asyncio.subprocess.Process, stdin: str = "") -> Finished:
    """Wait for a command."""
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate(stdin.encode() if process.stdin else None)
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def running_cluster(folder: Path) -> AsyncIterator[Cluster]:
    store = MemoryStore()
    server = ApiServer(store, SystemClock(), token="secret", admission=KaitoAdmission())
    pki = ensure_pki(folder / "pki", SystemClock().now())
    tls = TlsAddress(host="127.0.0.1", port=0, certificate=pki.certificate, key=pki.key)
    socket = folder / "api.sock"
    port = await server.start(unix_socket=socket, tls=tls)
    url, ca = f"https://127.0.0.1:{port}", pki.ca.read_bytes()
    write_kubeconfig(folder / "kubeconfig", url=url, ca=ca, token="secret")
    try:
        async with Client(on_socket(socket)) as client:
            for definition in (workspace_crd(), nodeclaim_crd()):
                await client.create(CRDS, definition)
            cluster = Cluster(client, folder)
            yield cluster
            await cluster.stop()
    finally:
        await server.stop()
        await store.close()
