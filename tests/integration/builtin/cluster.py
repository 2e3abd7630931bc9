"""The API server in this process with the built-in controllers, and a kubelet that only pretends.

Nothing runs: a pod that is bound becomes Running and ready at once, ends as its `test/ends`
annotation says, and goes when it is deleted. Everything else is the real thing.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import kubernetes_tools

from kaito.api import labels
from kaito.api.core import CRDS, NODES, PODS, Node, Pod
from kaito.api.crd import nodeclaim_crd, workspace_crd
from kaito.api.meta import Key, Manifest, Object
from kaito.api.resources import Resource
from kaito.api.workspace import WORKSPACES
from kaito.base.clock import Clock, SystemClock, to_rfc3339
from kaito.base.quantity import GIB
from kaito.kube import config, errors
from kaito.kube.cache import Cache, Reader
from kaito.kube.client import Change, Client
from kaito.kube.controller.decision import Decision, Delete, Patch
from kaito.kube.controller.runner import Controller, Runner, Watch, its_own_key
from kaito.local.apiserver.kubeconfig import write_kubeconfig
from kaito.local.apiserver.pki import ensure_pki
from kaito.local.apiserver.server import ApiServer, TlsAddress
from kaito.local.builtin.all import COLLECTED, builtin_controllers
from kaito.local.builtin.live import ApiLive
from kaito.local.builtin.machines.observed import MachineFacts
from kaito.local.store.sqlite import SqliteStore

PATIENCE = 20.0
"""Seconds within which anything that is to happen has happened, on a slow machine."""
MACHINE = MachineFacts(name="box", cpus=2, memory_bytes=24 * GIB, allocatable_memory_bytes=23 * GIB)
_QUIET_TURNS = 2000
ENDS = "test/ends"
"""Annotation of a pod: the phase it ends in, or `unready` for one that never gets ready."""


_KINDS: dict[str, Resource[Any]] = {r.kind: r for r in (*COLLECTED, WORKSPACES)}


class PretendedKubelet:
    """Reports what a node agent would."""

    name = "pretended-kubelet"
    watches: tuple[Watch[Any], ...] = (Watch(PODS, its_own_key), Watch(NODES, its_own_key))

    async def observe(self, reader: Reader, key: Key) -> Pod | Node | None:
        if key.namespace:
            return reader.get(PODS, key)
        return reader.get(NODES, key)

    def decide(self, observed: Pod | Node, now: datetime) -> Decision:
        if isinstance(observed, Node):
            return _node_ready(observed, now)
        if not observed.spec.node_name:
            return Decision()
        if observed.metadata.is_deleting:
            gone = Delete(
                resource=PODS, key=observed.key, uid=observed.metadata.uid, grace_seconds=0
            )
            return Decision(actions=(gone,))
        return _pod_running(observed, now)


def _node_ready(node: Node, now: datetime) -> Decision:
    if node.is_ready:
        return Decision()
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": to_rfc3339(now)}
    patch = Patch(
        resource=NODES,
        key=node.key,
        patch={"status": {"conditions": [ready]}},
        subresource="status",
    )
    return Decision(actions=(patch,))


def _pod_running(pod: Pod, now: datetime) -> Decision:
    if pod.status.pod_ip:
        return Decision()
    end = pod.metadata.annotations.get(ENDS, "")
    phase = end if end in ("Succeeded", "Failed") else "Running"
    is_ready = phase == "Running" and end != "unready"
    condition = {
        "type": "Ready",
        "status": "True" if is_ready else "False",
        "lastTransitionTime": to_rfc3339(now),
    }
    number = int(pod.metadata.uid.replace("-", "")[:4], 16)
    status: Manifest = {
        "phase": phase,
        "podIP": f"127.64.{number // 256}.{number % 256}",
        "conditions": [condition],
    }
    patch = {"metadata": {"uid": pod.metadata.uid}, "status": status}
    change = Change(patch, "strategic")
    return Decision(
        actions=(Patch(resource=PODS, key=pod.key, patch=change, subresource="status"),)
    )


@dataclass(frozen=True, slots=True)
class Finished:
    """How kubectl ended."""

    code: int
    out: str
    err: str


class Cluster:
    """A client to look with, and kubectl."""

    def __init__(self, client: Client, runner: Runner, kubeconfig: Path) -> None:
        self.client = client
        self.runner = runner
        self._kubeconfig = kubeconfig

    async def create(self, manifest: Manifest) -> Object:
        """Create an object of a kind that the controllers know."""
        created: Object = await self.client.create(_KINDS[manifest["kind"]], manifest)
        return created

    async def kubectl(self, *arguments: str, check: bool = True) -> Finished:
        process = await asyncio.create_subprocess_exec(
            str(kubernetes_tools.tool_path("kubectl")),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "KUBECONFIG": str(self._kubeconfig),
                "HOME": str(self._kubeconfig.parent),
                "NO_PROXY": "127.0.0.1",
            },
        )
        try:
            async with asyncio.timeout(2 * PATIENCE):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
            raise
        assert process.returncode is not None
        finished = Finished(process.returncode, out.decode(), err.decode())
        assert not check or finished.code == 0, finished
        return finished

    async def until(self, holds: Callable[[], Awaitable[object]], what: str) -> None:
        """Wait, by watching nothing less than the objects themselves, until a question is true."""
        changed = asyncio.Event()
        for resource in (*COLLECTED, WORKSPACES):
            self.runner.informers.watch(resource).subscribe(lambda old, new: changed.set())
        try:
            async with asyncio.timeout(PATIENCE):
                while not await holds():
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE:.0f} s: {what}") from None

    async def exists(self, resource: Resource[Any], key: Key) -> bool:
        try:
            await self.client.get(resource, key)
        except errors.NotFound:
            return False
        return True

    def cache_of_pods(self) -> Cache[Pod]:
        """What the controllers see of pods."""
        return self.runner.informers.watch(PODS)

    def queue_everything(self) -> None:
        """Have every controller look at everything again, as after a restart."""
        for loop in self.runner.loops:
            for watch in loop.controller.watches:
                for item in self.runner.informers.list(watch.resource):
                    for key in watch.keys(item):
                        loop.queue.add(key)

    async def settled_revision(self) -> str:
        """The store's revision once every queue has been empty for a while and events are out."""
        quiet = 0
        while quiet < _QUIET_TURNS:
            await asyncio.sleep(0)
            busy = any(len(loop.queue) or loop.queue._active for loop in self.runner.loops)
            quiet = 0 if busy else quiet + 1
        for loop in self.runner.loops:
            await loop.recorder.written()
        return (await self.client.list(NODES)).resource_version

    async def pods(self, namespace: str = "default") -> tuple[Pod, ...]:
        return (await self.client.list(PODS, namespace=namespace)).items


@asynccontextmanager
async def running_cluster(folder: Path, clock: Clock | None = None) -> AsyncIterator[Cluster]:
    clock = clock or SystemClock()
    store = await SqliteStore.open(folder / "plane.db")
    server = ApiServer(store, clock, token="secret")
    pki = ensure_pki(folder / "pki", SystemClock().now())
    tls = TlsAddress(host="127.0.0.1", port=0, certificate=pki.certificate, key=pki.key)
    port = await server.start(unix_socket=folder / "api.sock", tls=tls)
    kubeconfig = folder / "kubeconfig"
    url = f"https://127.0.0.1:{port}"
    write_kubeconfig(kubeconfig, url=url, ca=pki.ca.read_bytes(), token="secret")
    try:
        async with Client(config.on_socket(folder / "api.sock")) as client:
            for crd in (nodeclaim_crd(), workspace_crd()):
                await client.create(CRDS, crd)
            await client.create(NODES, _own_node())
            runner = Runner(client, _controllers(client), clock=clock)
            task = asyncio.create_task(runner.run(), name="controllers")
            await runner.informers.wait_synced()
            yield Cluster(client, runner, kubeconfig)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    finally:
        await server.stop()
        await store.close()


def _controllers(client: Client) -> tuple[Controller[Any], ...]:
    return (
        *builtin_controllers(
            MACHINE,
            workspaces=WORKSPACES,
            gpus_of=lambda instance_type: 1 if instance_type == "Standard_NC6s_v3" else 0,
            live=ApiLive(client),
        ),
        PretendedKubelet(),
    )


def _own_node() -> Manifest:
    amounts = {"cpu": "2", "memory": "23Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": MACHINE.name,
            "labels": {labels.MACHINE: MACHINE.name, labels.HOSTNAME: MACHINE.name},
        },
        "status": {"capacity": amounts, "allocatable": amounts},
    }
