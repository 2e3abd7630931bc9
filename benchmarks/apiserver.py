"""The embedded API server: start-up, durable creates a second, watch latency, memory.

    python benchmarks/apiserver.py

The server runs in a process of its own, on a new SQLite file on this disk, behind TLS with a token;
the clients run in this process. Creates are ConfigMaps of about 0.4 KB from 8 writers, each waiting
for its answer; an answer means that the object is on disk. A watch's latency is from the moment a
create is sent to the moment its event has arrived at one of 50 watchers.
"""

import argparse
import asyncio
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from _report import percentile, print_figure, print_machine, resident_mib

WRITERS = 8
CREATES = 2000
WATCHERS = 50
CHANGES = 100
TOKEN = "benchmark"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


async def serve(folder: Path) -> None:
    """The server process: prints its port, then serves until its input ends."""
    from kaito.base.clock import SystemClock
    from kaito.local.apiserver.pki import ensure_pki
    from kaito.local.apiserver.server import ApiServer, TlsAddress
    from kaito.local.store.sqlite import SqliteStore

    clock = SystemClock()
    store = await SqliteStore.open(folder / "state.db")
    server = ApiServer(store, clock, token=TOKEN)
    pki = ensure_pki(folder / "pki", clock.now())
    address = TlsAddress(host="127.0.0.1", port=0, certificate=pki.certificate, key=pki.key)
    port = await server.start(tls=address)
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop()
    await store.close()


class Server:
    """A running server process, and how to reach it."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, folder: Path) -> None:
        self.process = process
        self.url = f"https://127.0.0.1:{port}"
        self._context = ssl.create_default_context(cafile=folder / "pki" / "ca.crt")

    def session(self) -> aiohttp.ClientSession:
        """A client session that the server believes."""
        return aiohttp.ClientSession(
            self.url,
            connector=aiohttp.TCPConnector(limit=0, ssl=self._context),
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=aiohttp.ClientTimeout(total=None),
        )


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Server, float]]:
    """A server, and the seconds it took to answer /readyz."""
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        "--serve",
        str(folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    server = Server(process, int(await process.stdout.readline()), folder)
    async with server.session() as session, session.get("/readyz") as response:
        await response.read()
    try:
        yield server, time.perf_counter() - started
    finally:
        process.stdin.close()
        await process.wait()


def config_map(name: str) -> bytes:
    """What is created."""
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"app": "benchmark"}},
        "data": {"key": "x" * 256},
    }
    return msgspec.json.encode(manifest)


async def create(session: aiohttp.ClientSession, name: str) -> None:
    """One create, to its answer."""
    headers = {"Content-Type": "application/json"}
    async with session.post(CONFIG_MAPS, data=config_map(name), headers=headers) as response:
        body = await response.read()
        if response.status != 201:
            raise SystemExit(f"create answered {response.status}: {body.decode()}")


async def creates_per_second(server: Server, run: int) -> float:
    """Creates by 8 writers at a time."""
    names = iter(f"run{run}-{index}" for index in range(CREATES))

    async def writer(session: aiohttp.ClientSession) -> None:
        for name in names:
            await create(session, name)

    async with server.session() as session:
        await create(session, f"run{run}-warm")
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(writer(session))
        return CREATES / (time.perf_counter() - started)


async def watch_latencies(server: Server, run: int) -> list[float]:
    """Milliseconds from sending a create to its event, for each watcher and each create."""
    sent: dict[str, float] = {}
    latencies: list[float] = []
    ready = asyncio.Semaphore(0)
    query = {"watch": "1", "resourceVersion": await revision(server)}

    async def watcher(session: aiohttp.ClientSession) -> None:
        async with session.get(CONFIG_MAPS, params=query) as response:
            ready.release()
            for _ in range(CHANGES):
                line = await response.content.readline()
                arrived = time.perf_counter()
                name = msgspec.json.decode(line)["object"]["metadata"]["name"]
                latencies.append((arrived - sent[name]) * 1000)

    async with server.session() as session, asyncio.TaskGroup() as group:
        for _ in range(WATCHERS):
            group.create_task(watcher(session))
        for _ in range(WATCHERS):
            await ready.acquire()
        for index in range(CHANGES):
            name = f"watched{run}-{index}"
            sent[name] = time.perf_counter()
            await create(session, name)
            await asyncio.sleep(0.02)
    return latencies


async def revision(server: Server) -> str:
    """Where a watch starts."""
    query = {"limit": "1"}
    async with server.session() as session, session.get(CONFIG_MAPS, params=query) as response:
        return str((await response.json())["metadata"]["resourceVersion"])


async def measure(runs: int) -> None:
    """Everything, printed."""
    print_machine("aiohttp", "msgspec", "kaito")
    starts, idle, rates, p50s, p99s = [], [], [], [], []
    for run in range(runs):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            async with running(Path(folder)) as (server, seconds):
                starts.append(seconds)
                idle.append(resident_mib(server.process.pid))
                rates.append(await creates_per_second(server, run))
                latencies = await watch_latencies(server, run)
                p50s.append(percentile(latencies, 0.5))
                p99s.append(percentile(latencies, 0.99))
    print_figure("start to ready (new store, new CA)", starts, unit="s", target="< 2")
    print_figure("resident memory when ready", idle, unit="MiB", target="plane < 120")
    print_figure("durable creates, 8 writers, TLS", rates, unit="per s", target=">= 500")
    print_figure("watch latency p50, 50 watchers", p50s, unit="ms")
    print_figure("watch latency p99, 50 watchers", p99s, unit="ms", target="< 50")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.serve) if arguments.serve else measure(arguments.runs))
