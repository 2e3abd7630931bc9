"""The cluster that benchmarks/many_workspaces.py measures an operator on, as a process of its own.

The embedded plane's API server over SQLite with its scheduler, StatefulSet controller and garbage
collector; a cloud whose nodes take a second and kubelets whose pods take a second. Prints its
kubeconfig's path once it answers, and runs until it is ended.

    python benchmarks/_simulated_cluster.py FOLDER
"""

import asyncio
import sys
from pathlib import Path

from kaito.api.core import CRDS, PODS, SERVICES, STATEFULSETS
from kaito.api.crd import nodeclaim_crd
from kaito.api.kinds import KINDS
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.workspace import WORKSPACES
from kaito.app.admission import KaitoAdmission
from kaito.base.clock import SystemClock
from kaito.kube.client import Client
from kaito.kube.config import on_socket
from kaito.kube.controller.runner import Runner
from kaito.local.apiserver.kubeconfig import write_kubeconfig
from kaito.local.apiserver.pki import ensure_pki
from kaito.local.apiserver.server import ApiServer, TlsAddress
from kaito.local.builtin.collector.controller import CollectorController
from kaito.local.builtin.live import ApiLive
from kaito.local.builtin.scheduler.controller import SchedulerController
from kaito.local.builtin.statefulset.controller import StatefulSetController
from kaito.local.store.sqlite import SqliteStore
from kaito.testing.cloud import Cloud
from kaito.testing.kubelet import Kubelets

_TOKEN = "benchmark"
_COLLECTED = (NODECLAIMS, PODS, SERVICES, STATEFULSETS, WORKSPACES)
_STEP_SECONDS = 0.2


async def main(folder: Path) -> None:
    """Serve until cancelled."""
    clock = SystemClock()
    store = await SqliteStore.open(folder / "store.db")
    server = ApiServer(store, clock, token=_TOKEN, admission=KaitoAdmission())
    pki = ensure_pki(folder / "pki", clock.now())
    tls = TlsAddress(host="127.0.0.1", port=0, certificate=pki.certificate, key=pki.key)
    port = await server.start(unix_socket=folder / "api.sock", tls=tls)
    kubeconfig = folder / "kubeconfig"
    url = f"https://127.0.0.1:{port}"
    write_kubeconfig(kubeconfig, url=url, ca=pki.ca.read_bytes(), token=_TOKEN)
    async with Client(on_socket(folder / "api.sock")) as client:
        for manifest in (*(kind.definition.to_manifest() for kind in KINDS), nodeclaim_crd()):
            await client.apply(CRDS, manifest, manager="benchmark")
        live = ApiLive(client)
        around = (
            SchedulerController(),
            StatefulSetController(),
            CollectorController(_COLLECTED, live=live),
        )
        runner = Runner(client, around, clock=clock)
        reader = runner.informers
        reader.watch(NODECLAIMS)
        reader.watch(PODS)
        cloud = Cloud(client=client, clock=clock, delay=lambda _: 1.0, reader=reader)
        kubelets = Kubelets(client=client, clock=clock, delay=lambda _: 1.0, reader=reader)
        print(kubeconfig, flush=True)
        async with asyncio.TaskGroup() as group:
            group.create_task(runner.run())
            group.create_task(_repeat(cloud.step))
            group.create_task(_repeat(kubelets.step))


async def _repeat(step: object) -> None:
    assert callable(step)
    while True:
        await step()
        await asyncio.sleep(_STEP_SECONDS)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
