"""The cluster that benchmarks/many_workspaces.py measures an operator on, as a process of its own.

The embedded plane's API server over SQLite with its scheduler, StatefulSet controller and garbage
collector; a cloud whose nodes take a second and kubelets whose pods take a second. All pods share
one address of this machine, at which they are asked how far they are. Prints its kubeconfig's path
once it answers, and runs until it is ended.

    python benchmarks/_simulated_cluster.py FOLDER
"""

import asyncio
import sys
from pathlib import Path
from typing import TypeVar

from kaito.api.core import CRDS, PODS, SERVICES, STATEFULSETS, Pod
from kaito.api.crd import nodeclaim_crd
from kaito.api.kinds import KINDS
from kaito.api.meta import Object
from kaito.api.nodeclaim import NODECLAIMS, NodeClaim
from kaito.api.resources import Resource
from kaito.api.runtime import HTTP_PORT
from kaito.api.selectors import Selector
from kaito.api.workspace import WORKSPACES
from kaito.app.admission import KaitoAdmission
from kaito.base.clock import SystemClock
from kaito.base.garbage import collect_seldom
from kaito.kube.cache import CacheReader, Reader
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
from kaito.runtimes.reporting import Board, answering
from kaito.testing.cloud import Cloud
from kaito.testing.kubelet import Kubelets

T = TypeVar("T", bound=Object)
_TOKEN = "benchmark"
_PODS = "127.100.0.1"
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
        runner.informers.watch(NODECLAIMS)
        runner.informers.watch(PODS)
        reader = _OnTheirWay(runner.informers)
        cloud = Cloud(client=client, clock=clock, delay=lambda _: 1.0, reader=reader)
        kubelets = Kubelets(
            client=client, clock=clock, delay=lambda _: 1.0, reader=reader, address=_PODS
        )
        board = Board("serving", clock)
        print(kubeconfig, flush=True)
        async with answering(board, host=_PODS, port=HTTP_PORT), asyncio.TaskGroup() as group:
            group.create_task(runner.run())
            group.create_task(_repeat(cloud.step))
            group.create_task(_repeat(kubelets.step))


class _OnTheirWay(CacheReader):
    """Leaves out what is ready: a cloud that looks over 500 machines is not what is measured."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def list(
        self, resource: Resource[T], *, namespace: str = "", selector: Selector = ()
    ) -> tuple[T, ...]:
        """The claims, or the pods, that are not ready or are to go."""
        found = self._reader.list(resource, namespace=namespace, selector=selector)
        return tuple(item for item in found if item.metadata.is_deleting or not _is_ready(item))


def _is_ready(item: Object) -> bool:
    return isinstance(item, NodeClaim | Pod) and item.is_ready


async def _repeat(step: object) -> None:
    assert callable(step)
    while True:
        await step()
        await asyncio.sleep(_STEP_SECONDS)


if __name__ == "__main__":
    collect_seldom()  # as `kaito up` does
    asyncio.run(main(Path(sys.argv[1])))
