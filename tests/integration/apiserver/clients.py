"""The programs and libraries that people use, against a server behind TLS in this process."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import kubernetes_tools

from kaito.base.clock import SystemClock
from kaito.local.apiserver.kubeconfig import write_kubeconfig
from kaito.local.apiserver.pki import ensure_pki
from kaito.local.apiserver.server import ApiServer, TlsAddress
from kaito.local.store.sqlite import SqliteStore

PATIENCE = 60.0
TOKEN = "secret"


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Clients:
    """Commands with the server's kubeconfig."""

    kubeconfig: Path
    server: ApiServer

    async def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> Finished:
        return await self._run(kubernetes_tools.tool_path("kubectl"), arguments, stdin, check)

    async def helm(self, *arguments: str, check: bool = True) -> Finished:
        return await self._run(kubernetes_tools.tool_path("helm"), arguments, "", check)

    async def _run(
        self, program: Path, arguments: tuple[str, ...], stdin: str, check: bool
    ) -> Finished:
        home = str(self.kubeconfig.parent)
        process = await asyncio.create_subprocess_exec(
            str(program),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": home},
        )
        try:
            async with asyncio.timeout(PATIENCE):
                out, err = await process.communicate(stdin.encode())
        except TimeoutError:
            process.kill()
            await process.communicate()
            raise
        assert process.returncode is not None
        finished = Finished(process.returncode, out.decode(), err.decode())
        assert not check or finished.code == 0, (arguments, finished)
        return finished


@asynccontextmanager
async def serving_clients(folder: Path) -> AsyncIterator[Clients]:
    """A server on SQLite behind TLS, and everything that finds it."""
    clock = SystemClock()
    store = await SqliteStore.open(folder / "state.db")
    server = ApiServer(store, clock, token=TOKEN)
    pki = ensure_pki(folder / "pki", clock.now())
    address = TlsAddress(host="127.0.0.1", port=0, certificate=pki.certificate, key=pki.key)
    port = await server.start(tls=address)
    kubeconfig = folder / "kubeconfig"
    url = f"https://127.0.0.1:{port}"
    write_kubeconfig(kubeconfig, url=url, ca=pki.ca.read_bytes(), token=TOKEN)
    try:
        yield Clients(kubeconfig, server)
    finally:
        await server.stop()
        await store.close()
