"""The operator with many Workspaces: how long, how many requests, how much memory.

    .venv/bin/python benchmarks/many_workspaces.py [--workspaces 500] [--runs 3]

`kaito operator` runs as a process of its own against the embedded API server in another, with nodes
and pods that take a second each. Both share the machine's CPUs, so the whole is measured.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import _report
from kaito.api.meta import Manifest
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.kube.client import Client
from kaito.kube.config import from_kubeconfig

_NO_WRITES = ('verb="get"', 'verb="list"', 'verb="watch"', 'resource="leases.')
_HERE = Path(__file__).resolve().parent
_METRICS_PORT = 18_480
_IDLE_SECONDS = 60.0
_PAUSE_SECONDS = 1.5
_PROBES = 50
"""Workspaces made one by one when all others are ready, for the delay of a single one."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workspaces", type=int, default=500)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--idle-seconds", type=float, default=_IDLE_SECONDS)
    options = parser.parse_args()
    _report.print_machine("kaito", "aiohttp", "msgspec")
    figures: dict[str, list[float]] = {}
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as folder:
            found = _measure(Path(folder), options.workspaces, options.idle_seconds)
        for name, value in found.items():
            figures.setdefault(name, []).append(value)
    _print(figures, options.workspaces)


def _measure(folder: Path, count: int, idle: float) -> dict[str, float]:
    with _cluster(folder) as kubeconfig, _operator(kubeconfig) as operator:
        found = asyncio.run(_bring_up(kubeconfig, count))
        found["requests"] = _requests() / count
        before, started = _requests(writes_only=True), time.perf_counter()
        time.sleep(idle)
        minutes = (time.perf_counter() - started) / 60
        found["idle writes"] = (_requests(writes_only=True) - before) / minutes
        found["memory"] = _report.resident_mib(operator.pid)
        found |= asyncio.run(_claim_delays(kubeconfig))
        operator.terminate()
        operator.wait(60)
        started = time.perf_counter()
        with _operator(kubeconfig):
            found["restart"] = time.perf_counter() - started
    return found


def _print(figures: dict[str, list[float]], count: int) -> None:
    rows = (
        ("all ready", f"{count} Workspaces, created to ready", "s", "under 60 for 500"),
        ("requests", "API requests a Workspace", "", "15"),
        ("idle writes", "writes when ready, Leases aside", "/min", "0"),
        ("memory", "operator's memory", "MiB", "under 100"),
        ("claim", "create to NodeClaim, median", "s", ""),
        ("claim p99", "create to NodeClaim, p99", "s", "0.1"),
        ("restart", "start to all lists synced", "s", "under 3"),
    )
    for key, name, unit, target in rows:
        _report.print_figure(name, figures[key], unit=unit, target=target)


async def _bring_up(kubeconfig: Path, count: int) -> dict[str, float]:
    async with Client(from_kubeconfig(kubeconfig)) as client:
        before = await client.list(WORKSPACES)
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            gate = asyncio.Semaphore(16)
            watching = group.create_task(_see_ready(client, count, before.resource_version))
            for number in range(count):
                group.create_task(_create(client, f"w{number}", gate))
            await watching
        return {"all ready": time.perf_counter() - started}


async def _see_ready(client: Client, count: int, revision: str) -> None:
    """Return when so many are ready; followed, since listing all of them is work for the server."""
    ready: set[str] = set()
    while True:
        async for event in client.watch(WORKSPACES, revision=revision, query={}):
            revision = event.object.metadata.resource_version
            if event.type != "BOOKMARK" and _is_ready(event.object):
                ready.add(event.object.metadata.name)
            if len(ready) >= count:
                return


async def _claim_delays(kubeconfig: Path) -> dict[str, float]:
    """Seconds from sending a create to hearing of its NodeClaim: the median, and 99 of 100."""
    delays = []
    async with Client(from_kubeconfig(kubeconfig)) as client:
        for number in range(_PROBES):
            name = f"probe{number}"
            before = await client.list(NODECLAIMS, labels=f"kaito.sh/workspace={name}")
            claims = client.watch(
                NODECLAIMS,
                revision=before.resource_version,
                query={"labelSelector": f"kaito.sh/workspace={name}"},
            )
            waiting = asyncio.ensure_future(anext(aiter(claims)))
            await asyncio.sleep(0.05)
            started = time.perf_counter()
            await client.create(WORKSPACES, _workspace(name))
            await waiting
            delays.append(time.perf_counter() - started)
            # The next one comes when this one's start is through, as people's do.
            await asyncio.sleep(_PAUSE_SECONDS)
    return {"claim": statistics.median(delays), "claim p99": _report.percentile(delays, 0.99)}


async def _create(client: Client, name: str, gate: asyncio.Semaphore) -> None:
    async with gate:
        await client.create(WORKSPACES, _workspace(name))


def _workspace(name: str) -> Manifest:
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": "default"},
        "resource": {
            "instanceType": "Standard_NC24ads_A100_v4",
            "labelSelector": {"matchLabels": {"apps": name}},
        },
        "inference": {"preset": {"name": "phi-4-mini-instruct"}},
    }


def _is_ready(workspace: Workspace) -> bool:
    return workspace.status.state == "Ready"


@contextmanager
def _cluster(folder: Path) -> Iterator[Path]:
    program = [sys.executable, str(_HERE / "_simulated_cluster.py"), str(folder)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Path(process.stdout.readline().strip())
        finally:
            process.terminate()


@contextmanager
def _operator(kubeconfig: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running operator; yields once it is ready."""
    program = [
        sys.executable, "-m", "kaito", "operator", f"--kubeconfig={kubeconfig}", "--webhook=false",
        f"--metrics-bind-address=127.0.0.1:{_METRICS_PORT}", "--log-level=warning",
        f"--health-probe-bind-address=127.0.0.1:{_METRICS_PORT + 1}",
        "--kube-client-qps=2000", "--kube-client-burst=2000",
    ]  # fmt: skip
    environment = {**os.environ, "CLOUD_PROVIDER": "azure", "RELEASE_NAMESPACE": "default"}
    with subprocess.Popen(program, env=environment) as process:
        try:
            _wait_ready(process)
            yield process
        finally:
            process.terminate()


def _wait_ready(process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        assert process.poll() is None, f"the operator ended with status {process.returncode}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{_METRICS_PORT + 1}/readyz"):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the operator is not ready after a minute; see its log above")


def _requests(*, writes_only: bool = False) -> float:
    """Requests that the operator has sent, by its own metric."""
    with urllib.request.urlopen(f"http://127.0.0.1:{_METRICS_PORT}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    wanted = [line for line in lines if line.startswith("kaito_api_requests_total{")]
    if writes_only:
        wanted = [line for line in wanted if not any(kind in line for kind in _NO_WRITES)]
    return sum(float(line.rpartition(" ")[2]) for line in wanted)


if __name__ == "__main__":
    main()
