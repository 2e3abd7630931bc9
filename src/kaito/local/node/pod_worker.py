"""One pod's loop: look at the facts, decide, carry out, report; then wait for news.

Everything about a pod happens in its own worker, one step after another, so no two steps ever see
half of each other's work. What takes time (probes, hooks, stopping) runs beside it and reports back
by waking it.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import msgspec

from kaito.base.logs import facts
from kaito.local.node.errors import NodeError
from kaito.local.node.kit import HOST_IP, Kit
from kaito.local.node.launch import Launch
from kaito.local.node.lifecycle.decide import decide
from kaito.local.node.lifecycle.facts import (
    Block,
    Command,
    ContainerFacts,
    PodFacts,
    RemovePod,
    Run,
    RunProbe,
    StartContainer,
    StopContainer,
)
from kaito.local.node.pod import Container, Pod, WatchedPod, parse_pod
from kaito.local.node.pod_actions import Background, PodActions
from kaito.local.node.pod_preparation import Preparation
from kaito.local.node.pod_probes import ProbeBook
from kaito.local.node.pod_report import PodReport
from kaito.local.node.pod_status import find_container, parse_last
from kaito.local.node.records import PodRecord
from kaito.local.node.waiting import ends_within

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_PATIENCE_SECONDS = 0.1
_GONE_GRACE = 1.0
"""Seconds that the containers of a pod get that was removed by force."""


class PodWorker:
    """Runs one pod until it is gone."""

    def __init__(
        self, kit: Kit, pod: WatchedPod, record: PodRecord, *, refusal: Block | None = None
    ) -> None:
        self.record = record
        self._kit = kit
        self._watched = pod
        self._refusal = refusal
        self._preparation = Preparation(kit, record)
        self._report = PodReport(kit.client)
        self._probes = ProbeBook()
        self._actions = PodActions(kit, address=record.ip, probes=self._probes)
        self._launches: dict[str, Launch] = {}
        self._wake = asyncio.Event()
        self._is_gone = False
        self._carry_on()

    @property
    def watched(self) -> WatchedPod:
        """The pod as last seen."""
        return self._watched

    def update(self, pod: WatchedPod) -> None:
        """The pod's object has changed."""
        old, new = self._watched.metadata, pod.metadata
        if (old.labels, old.annotations) != (new.labels, new.annotations):
            self._preparation.invalidate()
        self._watched = pod
        self._wake.set()

    def refresh(self) -> None:
        """Something in the pod's namespace that it may refer to has changed."""
        self._preparation.invalidate()
        self._wake.set()

    def wake(self) -> None:
        """One of the pod's runs has changed."""
        self._wake.set()

    def vanish(self) -> None:
        """The pod's object is gone."""
        self._is_gone = True
        self._wake.set()

    async def run(self) -> None:
        """Work until nothing of the pod runs, and its object is on its way out."""
        async with asyncio.TaskGroup() as group:

            def go(work: Coroutine[Any, Any, None]) -> None:
                group.create_task(self._beside(work))

            while not await self._turn(go):
                pass

    async def _turn(self, go: Background) -> bool:
        """One step and the wait for the next one; whether the pod is done with."""
        self._wake.clear()
        try:
            if self._is_gone:
                await self._end_runs()
                return True
            is_over, wait = await self._step(go)
        except Exception:
            # Whatever is wrong with one pod must not stop the others.
            logger.exception("pod step failed", extra=facts(pod=self._watched.key))
            is_over, wait = False, _RETRY_SECONDS
        if is_over:
            return True
        if wait is None:
            await self._wake.wait()
        else:
            await ends_within(self._kit.clock, wait, self._wake.wait())
        return False

    async def _step(self, go: Background) -> tuple[bool, float | None]:
        """Whether the pod is done with, and else the seconds until the next look."""
        pod = self._parse()
        if not (pod.metadata.is_deleting or self._refusal or pod.is_over):
            self._preparation.prepare(pod)
        found = self._observe(pod, go)
        decision = decide(found, self._kit.clock.now())
        for command in decision.commands:
            self._carry_out(pod, command, go)
        for event in decision.events:
            self._kit.events.note(pod, event)
        if self._is_early(found):
            # Nothing is reported that the next watch event may prove wrong.
            return False, _PATIENCE_SECONDS
        is_written = await self._report.write(self._watched, decision.status)
        if RemovePod() in decision.commands:
            # The object goes last: whoever sees it gone may rely on nothing being left.
            self._clear()
            return is_written and await self._report.delete(pod), _RETRY_SECONDS
        if not is_written:
            return False, _RETRY_SECONDS
        if decision.wake_at is None:
            return False, None
        return False, (decision.wake_at - self._kit.clock.now()).total_seconds()

    def _is_early(self, found: PodFacts) -> bool:
        is_missing = not found.has_volumes or any(c.block for c in found.containers.values())
        is_new = not any(c.runs for c in found.containers.values())
        return is_missing and is_new and self._preparation.is_patient and not self._refusal

    def _carry_out(self, pod: Pod, command: Command, go: Background) -> None:
        match command:
            case StartContainer():
                self._actions.start(pod, command, self._launches.pop(command.container))
            case StopContainer():
                runs = self._runs().get(command.container, ())
                is_running = any(run.id == command.run and run.is_running for run in runs)
                self._actions.stop(pod, command, is_running=is_running)
            case RunProbe():
                self._probes.begin(command, self._kit.clock.now())
                go(self._actions.probe(pod, command))
            case RemovePod():
                return

    def _parse(self) -> Pod:
        last = parse_last(self._report.last(self._watched))
        try:
            return msgspec.structs.replace(parse_pod(self._watched), status=last)
        except NodeError as error:
            self._refusal = Block(reason="InvalidSpec", message=str(error))
            return Pod(metadata=self._watched.metadata, status=last)

    def _observe(self, pod: Pod, go: Background) -> PodFacts:
        runs = self._runs()
        containers = {
            container.name: self._observe_container(pod, container, runs.get(container.name, ()))
            for container in pod.spec.all_containers
        }
        for container in pod.spec.all_containers:
            for run in runs.get(container.name, ()):
                self._actions.announce(pod, container, run, go)
        return PodFacts(
            pod=pod,
            containers=containers,
            pod_ip=self.record.ip,
            host_ip=HOST_IP,
            has_volumes=self._preparation.has_volumes,
            refusal=self._refusal,
        )

    def _observe_container(
        self, pod: Pod, container: Container, runs: tuple[Run, ...]
    ) -> ContainerFacts:
        run = runs[-1] if runs else None
        probes = self._probes.of(container.name, run)
        is_idle = run is None or run.exit is not None
        if not is_idle or not self._preparation.has_volumes or pod.metadata.is_deleting:
            return ContainerFacts(runs=runs, probes=probes)
        launch = self._preparation.launch(pod, container, run.attempt + 1 if run else 0)
        if isinstance(launch, Block):
            return ContainerFacts(runs=runs, probes=probes, block=launch)
        self._launches[container.name] = launch
        return ContainerFacts(runs=runs, probes=probes)

    def _runs(self) -> dict[str, tuple[Run, ...]]:
        return dict(self._kit.runtime.runs(self._watched.metadata.uid))

    def _carry_on(self) -> None:
        """Take over from the agent before: its runs, and what it had reported of them."""
        status = self._watched.status
        entries = (
            *(status.get("initContainerStatuses") or ()),
            *(status.get("containerStatuses") or ()),
        )
        for name, runs in self._runs().items():
            for run in runs:
                self._actions.skip_announcing(run.id)
            self._probes.seed(name, runs[-1], find_container(entries, name))

    async def _end_runs(self) -> None:
        """Stop whatever runs, then clear up: nobody is left to report to."""
        alive = [run for runs in self._runs().values() for run in runs if run.exit is None]
        for run in alive:
            self._kit.runtime.stop(run.id, grace=_GONE_GRACE)
        for run in alive:
            await self._kit.runtime.wait_ended(run.id)
        self._clear()

    def _clear(self) -> None:
        uid = self._watched.metadata.uid
        self._kit.runtime.forget(uid)
        self._kit.volumes.remove(uid)

    async def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("pod work failed", extra=facts(pod=self._watched.key))
        self._wake.set()
