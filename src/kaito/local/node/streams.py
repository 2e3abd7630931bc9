"""Answers kubectl's logs, exec, attach and port-forward for the pods of this machine.

Implements `PodStreams` of `kaito.local.apiserver.streaming.port`: finds the run that a request is
about, and refuses in Kubernetes' words where there is none.
"""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from kaito.api.meta import Key, Manifest
from kaito.base.clock import Clock
from kaito.local.apiserver.streaming import errors
from kaito.local.apiserver.streaming.port import ExecRequest, LogRequest, Session
from kaito.local.node.attach_session import Behind, open_attach
from kaito.local.node.commands import Commands
from kaito.local.node.errors import NodeError, SpawnFailed
from kaito.local.node.lifecycle.facts import Run
from kaito.local.node.logs import read_log
from kaito.local.node.pod import WatchedPod, parse_pod
from kaito.local.node.pod_status import find_container
from kaito.local.node.process import ContainerRuntime
from kaito.local.node.shim_start import connect_to

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPod:
    """A pod of this machine, with its address."""

    pod: WatchedPod
    address: str


class Directory(Protocol):
    """Who knows the pods."""

    def find(self, key: Key) -> LocalPod:
        """The pod of that name; `StreamError` when it does not exist or runs elsewhere."""
        ...


class NodeStreams:
    """The streams of one machine's pods."""

    def __init__(
        self, directory: Directory, runtime: ContainerRuntime, commands: Commands, *, clock: Clock
    ) -> None:
        self._directory = directory
        self._runtime = runtime
        self._commands = commands
        self._clock = clock

    async def logs(self, pod: Key, request: LogRequest) -> AsyncGenerator[bytes, None]:
        """The log of a container's newest run, or of the one before."""
        found = self._directory.find(pod).pod
        container = _choose_container(found, request.container)
        run = self._logged_run(found, container, is_previous=request.previous)
        log = read_log(
            self._runtime.files(run.id),
            request,
            self._clock.now(),
            has_ended=lambda: self._has_ended(run),
        )
        async for piece in log:
            yield piece

    async def exec(self, pod: Key, request: ExecRequest) -> Session:
        """Start a command in a running container."""
        found = self._directory.find(pod).pod
        run = self._running(found, _choose_container(found, request.container))
        try:
            return await self._commands.start(
                run.id,
                request.command,
                stdin=request.stdin,
                tty=request.tty,
                silent=_silent(request),
            )
        except SpawnFailed as error:
            raise errors.command_not_started(str(error)) from error

    async def attach(self, pod: Key, request: ExecRequest) -> Session:
        """Connect to a running container's own process."""
        found = self._directory.find(pod).pod
        container = _choose_container(found, request.container)
        run = self._running(found, container)

        try:
            connection = connect_to(self._runtime.files(run.id).path)
        except OSError as error:
            raise errors.container_not_running(container) from error
        return await open_attach(connection, self._behind(run), silent=_silent(request))

    async def dial(self, pod: Key, port: int) -> tuple[StreamReader, StreamWriter]:
        """A connection to a port of the pod, or of 127.0.0.1 where the program binds only that."""
        found = self._directory.find(pod)
        cause = ""
        for address in (found.address, "127.0.0.1"):
            try:
                return await asyncio.open_connection(address, port)
            except OSError as error:
                cause = cause or f"dial tcp {address}:{port}: {error.strerror or error}"
        raise errors.port_refused(port, found.pod.metadata.name, cause)

    def _behind(self, run: Run) -> Behind:
        async def exit_code() -> int:
            return (await self._runtime.wait_ended(run.id)).code

        async def missed() -> AsyncGenerator[bytes, None]:
            files = self._runtime.files(run.id)
            if self._runtime.spec(run.id).stdin and files.has_ended():
                now = self._clock.now()
                async for piece in read_log(files, LogRequest(), now, has_ended=files.has_ended):
                    yield piece

        return Behind(exit_code=exit_code, missed=missed)

    def _logged_run(self, pod: WatchedPod, container: str, *, is_previous: bool) -> Run:
        begun = [
            run
            for run in self._runtime.runs(pod.metadata.uid).get(container, ())
            if run.started_at is not None or run.exit is not None
        ]
        entry = _status_of(pod, container)
        if not is_previous:
            if begun:
                return begun[-1]
            waiting = (entry.get("state") or {}).get("waiting") or {}
            reason = str(waiting.get("reason") or "ContainerCreating")
            raise errors.container_waiting(container, pod.metadata.name, reason)
        # While it waits for its next start, the run that `lastState` speaks of is the newest.
        if "waiting" in (entry.get("state") or {}) and begun and begun[-1].exit is not None:
            return begun[-1]
        if len(begun) < 2:
            raise errors.previous_not_found(container, pod.metadata.name)
        return begun[-2]

    def _running(self, pod: WatchedPod, container: str) -> Run:
        runs = self._runtime.runs(pod.metadata.uid).get(container, ())
        if not runs or not runs[-1].is_running:
            raise errors.container_not_running(container)
        return runs[-1]

    def _has_ended(self, run: Run) -> bool:
        try:
            self._runtime.spec(run.id)
        except KeyError:
            return True
        return self._runtime.files(run.id).has_ended()


def _silent(request: ExecRequest) -> frozenset[int]:
    wanted = {1: request.stdout, 2: request.stderr}
    return frozenset(stream for stream, is_wanted in wanted.items() if not is_wanted)


def _choose_container(watched: WatchedPod, name: str) -> str:
    try:
        pod = parse_pod(watched)
    except NodeError as error:
        raise errors.bad_request(str(error)) from error
    names = [container.name for container in pod.spec.containers]
    chosen = name or pod.metadata.annotations.get(DEFAULT_CONTAINER, "")
    if not chosen:
        if len(names) != 1:
            raise errors.container_required(pod.metadata.name, names)
        return names[0]
    if pod.container(chosen) is None:
        raise errors.container_unknown(chosen, pod.metadata.name)
    return chosen


def _status_of(pod: WatchedPod, container: str) -> Manifest:
    entries = (
        *(pod.status.get("initContainerStatuses") or ()),
        *(pod.status.get("containerStatuses") or ()),
    )
    return find_container(entries, container)
