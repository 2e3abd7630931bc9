"""Carries out what was decided about one pod, and tells what became of it."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import msgspec

from kaito.local.node.kit import Kit
from kaito.local.node.launch import Launch
from kaito.local.node.lifecycle.facts import (
    PodEvent,
    Run,
    RunId,
    RunProbe,
    StartContainer,
    StopContainer,
)
from kaito.local.node.lifecycle.probing import probe_of
from kaito.local.node.mounts import make_sources
from kaito.local.node.pod import Check, Container, Pod
from kaito.local.node.pod_probes import ProbeBook
from kaito.local.node.probes import Checked

_HOOK_SECONDS = 30.0
"""How long a postStart hook may take."""

Background = Callable[[Coroutine[Any, Any, None]], None]
"""Runs something beside the pod's worker."""


class PodActions:
    """The effects of one pod's decisions."""

    def __init__(self, kit: Kit, *, address: str, probes: ProbeBook) -> None:
        self._kit = kit
        self._address = address
        self._probes = probes
        self._announced: set[RunId] = set()

    def start(self, pod: Pod, command: StartContainer, launch: Launch) -> None:
        """Start a container's next run."""
        spec = msgspec.structs.replace(launch.spec, backoff=command.backoff)
        make_sources(launch.mounts)
        self._kit.runtime.start(spec, fault=launch.fault)
        if launch.note and command.attempt == 0:
            self._tell(pod, "Normal", "ImageNotUsed", launch.note)

    def stop(self, pod: Pod, command: StopContainer, *, is_running: bool) -> None:
        """Have a run end; one that executes runs its preStop hook first."""
        container = pod.container(command.container)
        check = container.lifecycle.pre_stop if container else None
        hook = None
        if container is not None and check is not None and is_running:
            about = Checked(container=container, run=command.run, address=self._address)
            hook = partial(self._run_pre_stop, pod, check, about, command.grace)
        self._kit.runtime.stop(command.run, grace=command.grace, hook=hook)

    async def probe(self, pod: Pod, command: RunProbe) -> None:
        """Probe a run once and note the result."""
        container = pod.container(command.container)
        probe = probe_of(container, command.kind) if container else None
        if container is None or probe is None:
            return
        about = Checked(container=container, run=command.run, address=self._address)
        error = await self._kit.checker.check(probe, about, within=probe.timeout_seconds)
        event = self._probes.finish(command, container, error)
        if event is not None and self._is_alive(pod, command):
            self._kit.events.note(pod, event)

    def skip_announcing(self, run: RunId) -> None:
        """An adopted run was announced by the agent that started it."""
        self._announced.add(run)

    def announce(self, pod: Pod, container: Container, run: Run, go: Background) -> None:
        """Tell once that a run has begun, or that it could not."""
        if run.id in self._announced:
            return
        if run.exit is not None and run.exit.reason == "StartError":
            self._announced.add(run.id)
            self._tell(pod, "Warning", "Failed", f"Error: {run.exit.message}")
        elif run.started_at is not None:
            self._announced.add(run.id)
            self._tell(pod, "Normal", "Created", f"Created container: {container.name}")
            self._tell(pod, "Normal", "Started", f"Started container {container.name}")
            if container.lifecycle.post_start is not None:
                go(self._run_post_start(pod, container.lifecycle.post_start, container, run))

    async def _run_pre_stop(self, pod: Pod, check: Check, about: Checked, grace: float) -> None:
        if error := await self._kit.checker.check(check, about, within=grace):
            self._tell(pod, "Warning", "FailedPreStopHook", f"PreStopHook failed: {error}")

    async def _run_post_start(self, pod: Pod, check: Check, container: Container, run: Run) -> None:
        about = Checked(container=container, run=run.id, address=self._address)
        if error := await self._kit.checker.check(check, about, within=_HOOK_SECONDS):
            self._tell(pod, "Warning", "FailedPostStartHook", f"PostStartHook failed: {error}")
            self._kit.runtime.stop(run.id, grace=pod.grace)

    def _is_alive(self, pod: Pod, command: RunProbe) -> bool:
        runs = self._kit.runtime.runs(pod.uid).get(command.container, ())
        return any(run.id == command.run and run.is_running for run in runs)

    def _tell(self, pod: Pod, kind: str, reason: str, message: str) -> None:
        is_warning = kind == "Warning"
        event = PodEvent(type="Warning" if is_warning else "Normal", reason=reason, message=message)
        self._kit.events.note(pod, event)
