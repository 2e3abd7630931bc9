"""The embedded plane: one process, one machine, the same controllers as in a cluster.

Order matters: the lock before the store, the store before the server, the server before every
client, the CRDs before the controllers that watch them. What comes after runs in one task group, so
that the plane ends as a whole or not at all. It decides nothing.
"""

import asyncio
import os
import secrets
import socket as socket_module
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import SystemRandom

from kaito.api.core import CRDS
from kaito.api.crd import nodeclaim_crd
from kaito.api.kinds import KINDS
from kaito.api.meta import Object
from kaito.api.modelmirror import MODELMIRRORS
from kaito.api.resources import reading
from kaito.api.workspace import WORKSPACES
from kaito.app.admission import ONE_MACHINE, KaitoAdmission
from kaito.app.state import PlaneAddress, PlaneLock, StateFolder
from kaito.app.workspaces import mirror_controller, workspace_controller
from kaito.base.clock import Clock, SystemClock
from kaito.base.errors import KaitoError
from kaito.catalog.instances import gpus_of
from kaito.catalog.lookup import find_preset
from kaito.controllers.announced.controller import announced_controllers
from kaito.kube.client import Client
from kaito.kube.config import on_socket
from kaito.kube.controller.runner import Runner
from kaito.kube.informer import Informers
from kaito.kube.reports import follow_reports
from kaito.local.apiserver.core import RandomIdentifiers
from kaito.local.apiserver.kubeconfig import write_kubeconfig
from kaito.local.apiserver.pki import PkiFiles, ensure_pki
from kaito.local.apiserver.server import ApiServer, TlsAddress
from kaito.local.builtin.all import builtin_controllers
from kaito.local.builtin.live import ApiLive
from kaito.local.builtin.machines.observed import MachineFacts
from kaito.local.machine import observe_machine
from kaito.local.models import ModelsFolder
from kaito.local.node.agent import AgentSettings, NodeAgent
from kaito.local.store.sqlite import SqliteStore
from kaito.planner.machine import Machine

RUNS = frozenset({MODELMIRRORS.kind})
"""Kinds that have a controller here; in a cluster their gates decide."""
_HOST = "127.0.0.1"
_MANAGER = "kaito-plane"
_STOP_GRACE_SECONDS = 10.0
"""For containers to end by themselves when the plane is stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneOptions:
    """How to run a plane."""

    state: StateFolder
    port: int = 0
    """TCP port of the API on loopback; 0 keeps the last one where it is free, or takes any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneReady:
    """What a plane says once its API answers."""

    url: str
    kubeconfig: Path
    seconds: float
    """Since the plane was started."""


async def run_plane(
    options: PlaneOptions, on_ready: Callable[[PlaneReady], None], clock: Clock | None = None
) -> None:
    """Run until cancelled; then end every pod, and leave objects and weights in the folder.

    Raises:
        KaitoError: the state folder, its database or the port cannot be used; one line says why.
    """
    clock = clock or SystemClock()
    started = clock.monotonic()
    state = options.state
    state.prepare()
    async with AsyncExitStack() as stack:
        lock = PlaneLock(state)
        lock.acquire()
        stack.callback(lock.release)
        store = await SqliteStore.open(state.database)
        stack.push_async_callback(store.close)
        token = _token(state.pki / "token")
        ids = RandomIdentifiers(SystemRandom(), plane=str(state.root.resolve()))
        server = ApiServer(store, clock, token=token, admission=_admission(state), ids=ids)
        pki = ensure_pki(state.pki, clock.now())
        url = f"https://{_HOST}:{await _listen(server, options, pki)}"
        stack.push_async_callback(server.stop)
        write_kubeconfig(state.kubeconfig, url=url, ca=pki.ca.read_bytes(), token=token)
        client = await stack.enter_async_context(Client(on_socket(state.socket)))
        await _install_crds(client)
        lock.publish(PlaneAddress(pid=os.getpid(), url=url))
        seconds = clock.monotonic() - started
        on_ready(PlaneReady(url=url, kubeconfig=state.kubeconfig, seconds=seconds))
        await _run_parts(client, server, state, clock)


async def _run_parts(client: Client, server: ApiServer, state: StateFolder, clock: Clock) -> None:
    """Every control loop and the node agent, until one of them fails or all are cancelled."""
    machine = observe_machine()
    settings = AgentSettings(state=state.root, machine=machine)
    built_in = builtin_controllers(
        _machine_facts(machine, settings.gpus),
        workspaces=WORKSPACES,
        gpus_of=gpus_of,
        live=ApiLive(client),
        custom=tuple(reading(k.resource, Object) for k in KINDS if k.resource != WORKSPACES),
    )
    controllers = (
        *(*built_in, workspace_controller(state, machine), mirror_controller(state)),
        *announced_controllers(runs=RUNS),
    )
    informers = Informers(client, clock=clock)
    follow_reports(informers, clock=clock)
    async with NodeAgent(client, settings, clock=clock) as agent:
        server.attach_pods(agent.streams)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(agent.run(), name="node agent")
                runner = Runner(client, controllers, clock=clock, informers=informers)
                group.create_task(runner.run(), name="loops")
        finally:
            # An orderly end frees the machine; after a crash the containers run on and are adopted.
            await agent.stop_containers(grace=_STOP_GRACE_SECONDS)


def _admission(state: StateFolder) -> KaitoAdmission:
    models = ModelsFolder(state.models)

    def has_weights(name: str) -> bool:
        preset = find_preset(name)
        return preset is not None and models.facts(preset.name) is not None

    return KaitoAdmission(replace(ONE_MACHINE, has_weights=has_weights))


def _machine_facts(machine: Machine, gpus: int) -> MachineFacts:
    return MachineFacts(
        name=machine.name,
        cpus=machine.cpus,
        memory_bytes=machine.memory_bytes,
        allocatable_memory_bytes=machine.allocatable_bytes,
        gpus=gpus,
    )


def _token(path: Path) -> str:
    """The bearer token of this state folder, made once."""
    if path.exists():
        return path.read_text().strip()
    token = secrets.token_urlsafe(32)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    return token


async def _listen(server: ApiServer, options: PlaneOptions, pki: PkiFiles) -> int:
    """Listen on the wanted port; automatically chosen ports give way where they are taken."""
    socket = options.state.socket
    socket.unlink(missing_ok=True)  # left behind by a plane that was killed; the lock is ours
    remembered = options.state.port_file
    last = remembered.read_text().strip() if remembered.exists() else ""
    wanted = options.port or (int(last) if last.isdigit() else 0)
    if wanted and not _is_free(wanted):
        if options.port:
            raise KaitoError(
                f"port {wanted} on {_HOST} is taken",
                hint="choose another with --port, or none for a free one",
            )
        wanted = 0
    address = TlsAddress(host=_HOST, port=wanted, certificate=pki.certificate, key=pki.key)
    port = await server.start(unix_socket=socket, tls=address)
    remembered.write_text(f"{port}\n")
    return port


def _is_free(port: int) -> bool:
    with socket_module.socket() as probe:
        probe.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
        return True


async def _install_crds(client: Client) -> None:
    """The kinds that the controllers watch. Applying what is there already writes nothing."""
    for manifest in (*(kind.definition.to_manifest() for kind in KINDS), nodeclaim_crd()):
        await client.apply(CRDS, manifest, manager=_MANAGER)
