"""Runs containers: starts a shim for each, knows how they stand, stops them, finds them again.

The shim (see `shim`) is the container's parent and outlives this process, so a plane that was
killed finds its containers running and adopts them: `adopt` reads every run's folder, watches the
shims that still hold their lock, records the others as ended, and kills whatever carries our mark
but belongs to no living run. No container is started before its record is on disk.
"""

import asyncio
import hashlib
import logging
import os
import shutil
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.local.node import procfs, shim_start
from kaito.local.node.errors import SpawnFailed
from kaito.local.node.lifecycle.facts import Exit, Run, RunId
from kaito.local.node.run_files import RunFiles, RunSpec, ShimIdentity
from kaito.local.node.spawn import reap, wait_readable
from kaito.local.node.waiting import ends_within

logger = logging.getLogger(__name__)

MARK = "KAITO_CONTAINER"
"""In every container's environment: whose it is, so that leftovers can be told from strangers."""
EXEC_MARK = "KAITO_EXEC"
"""Besides MARK in commands run inside a container: these are never adopted."""
_ADOPT_WITHIN = 5.0
"""Seconds within which a shim that holds its lock must have recorded itself."""
_DIES_WITHIN = 5.0
"""Seconds after SIGKILL within which a container must be gone."""
_KEPT_RUNS = 2

Hook = Callable[[], Coroutine[Any, Any, None]]
Listener = Callable[[str], None]


def run_id(pod_uid: str, container: str, attempt: int) -> RunId:
    """The identity of one run: the same run always has the same."""
    return RunId(hashlib.sha256(f"{pod_uid}/{container}/{attempt}".encode()).hexdigest())


def mark_of(state: Path) -> str:
    """What the marks of one state folder's containers begin with."""
    return hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:16]


@dataclass(slots=True)
class _Active:
    """A run and what this process holds for it."""

    spec: RunSpec
    files: RunFiles
    run: Run
    pidfd: int = -1
    is_lost: bool = False
    """Its shim was killed: whatever else of it runs has to go."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    stopper: asyncio.Task[None] | None = None


class ContainerRuntime:
    """The containers of one state folder. Use as an async context manager.

    Leaving the context leaves the containers running: `stop_all` is for an orderly shutdown.
    """

    def __init__(self, state: Path, *, clock: Clock) -> None:
        self._pods = state / "pods"
        self._mark = mark_of(state)
        self._clock = clock
        self._actives: dict[RunId, _Active] = {}
        self._by_container: dict[str, dict[str, list[RunId]]] = {}
        self._listeners: list[Listener] = []
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(kind, error, traceback)
        for active in self._actives.values():
            _close(active)

    def subscribe(self, listener: Listener) -> None:
        """Hear the uid of every pod one of whose runs has changed. Must not block."""
        self._listeners.append(listener)

    @property
    def pod_uids(self) -> tuple[str, ...]:
        """The pods that runs are known of."""
        return tuple(sorted(self._by_container))

    def runs(self, pod_uid: str) -> Mapping[str, tuple[Run, ...]]:
        """The newest runs of each container of a pod, oldest first."""
        known = self._by_container.get(pod_uid, {})
        return {name: tuple(self._actives[i].run for i in ids) for name, ids in known.items()}

    def spec(self, run: RunId) -> RunSpec:
        """What a known run was started with."""
        return self._actives[run].spec

    def files(self, run: RunId) -> RunFiles:
        """The folder of a known run."""
        return self._actives[run].files

    def has_ended(self, run: RunId) -> bool:
        """Whether a known run is over."""
        return self._actives[run].ended.is_set()

    async def wait_ended(self, run: RunId) -> Exit:
        """How the run ended, once it has."""
        active = self._actives[run]
        await active.ended.wait()
        assert active.run.exit is not None, "a run that has ended has an exit"
        return active.run.exit

    def marks(self, run: RunId) -> dict[str, str]:
        """The environment that marks a process as belonging to a run."""
        return {MARK: f"{self._mark}/{run}"}

    def place(self, pod_uid: str, container: str, attempt: int) -> RunFiles:
        """Where the files of a run lie, or will lie."""
        return RunFiles(self._pods / pod_uid / "containers" / container / str(attempt))

    def start(self, spec: RunSpec, *, fault: str = "") -> None:
        """Record a run, then start it. Whether that succeeded shows in `runs`.

        With a `fault` nothing is executed: the run has failed to start for that reason.
        """
        files = self.place(spec.pod_uid, spec.container, spec.attempt)
        files.create(spec)
        active = _Active(spec, files, _to_run(spec))
        self._register(active)
        try:
            if fault:
                raise SpawnFailed(fault)
            begun = shim_start.start_shim(spec, files, marks=self.marks(spec.id))
        except SpawnFailed as error:
            files.write_fault(str(error), at=self._clock.now())
            self._end(active)
            return
        active.pidfd = begun.child.pidfd
        self._go(self._watch_start(active, begun.notify))
        self._go(self._watch_shim(active, begun.child.pid))

    def stop(self, run: RunId, *, grace: float, hook: Hook | None = None) -> None:
        """Have a run end within `grace` seconds: the hook, then SIGTERM, at last SIGKILL.

        Asked again, only an earlier end changes anything; the hook then is not run again.
        """
        active = self._actives[run]
        stop_by = self._clock.now() + timedelta(seconds=grace)
        already = active.run.stop_by
        if active.ended.is_set() or (already is not None and already <= stop_by):
            return
        active.run = replace(active.run, stop_by=stop_by)
        if active.stopper is not None:
            active.stopper.cancel()
        active.stopper = self._go(self._stop(active, grace, hook if already is None else None))

    async def stop_all(self, *, grace: float) -> None:
        """End every run, at the latest after `grace` seconds."""
        alive = [active for active in self._actives.values() if not active.ended.is_set()]
        for active in alive:
            self.stop(active.spec.id, grace=grace)
        for active in alive:
            await active.ended.wait()

    def forget(self, pod_uid: str) -> None:
        """Delete the records of a pod none of whose runs is alive."""
        for ids in self._by_container.pop(pod_uid, {}).values():
            for run in ids:
                _close(self._actives.pop(run))
        shutil.rmtree(self._pods / pod_uid / "containers", ignore_errors=True)

    async def adopt(self) -> None:
        """Find every recorded run again, and end whatever belongs to none that is alive."""
        folders = sorted(
            self._pods.glob("*/containers/*/*"), key=lambda path: (path.parent, int(path.name))
        )
        for folder in folders:
            await self._adopt(RunFiles(folder))
        await self.kill_leftovers()

    async def kill_leftovers(self) -> None:
        """Kill every process that carries our mark without belonging to a run that is alive."""
        if not await ends_within(self._clock, _DIES_WITHIN, self._kill_until_none()):
            logger.warning("leftover processes outlived SIGKILL", extra=facts(mark=self._mark))

    async def _kill_until_none(self) -> None:
        # More than once: a process may fork between being found and being killed.
        while found := self._find_leftovers():
            for pid in found:
                logger.info("killing a leftover process", extra=facts(pid=pid))
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await self._clock.sleep(0.01)

    def _find_leftovers(self) -> list[int]:
        found: list[int] = []
        for pid, run, names in procfs.find_marked(MARK, f"{self._mark}/"):
            active = self._actives.get(RunId(run))
            is_ours = active is not None and not (active.ended.is_set() or active.is_lost)
            if not is_ours or EXEC_MARK in names:
                found.append(pid)
        return found

    async def _adopt(self, files: RunFiles) -> None:
        spec = files.read_spec()
        if spec is None:
            files.remove()
            return
        active = _Active(spec, files, _to_run(spec))
        if files.has_ended() or not (identity := await self._find_shim(active)):
            if active.files.path.exists():
                self._register(active)
                self._end(active, is_adopted=True)
            return
        active.run = replace(active.run, started_at=identity.started_at)
        self._register(active)
        logger.info(
            "adopted a running container",
            extra=facts(pod=spec.pod_uid, container=spec.container, pid=identity.main),
        )
        self._go(self._watch_shim(active, identity.shim))

    async def _find_shim(self, active: _Active) -> ShimIdentity | None:
        """The living shim of a run without an end, watched; None when there is none any more.

        A run that had not come as far as executing anything leaves no trace at all.
        """
        files = active.files
        if files.take_over():
            identity = files.read_identity()
            if identity is None:
                files.remove()
            elif not files.has_ended():
                files.write_lost(_explain_loss(identity), at=self._clock.now())
            return None
        await ends_within(self._clock, _ADOPT_WITHIN, self._wait_identity(files))
        identity = files.read_identity()
        if identity is not None:
            with suppress(ProcessLookupError):
                active.pidfd = os.pidfd_open(identity.shim)
            if procfs.birth(identity.shim) == identity.shim_birth:
                return identity
        if not files.has_ended():
            files.write_lost("its supervisor could not be found", at=self._clock.now())
        return None

    async def _wait_identity(self, files: RunFiles) -> None:
        # The shim writes its record milliseconds after it takes the lock.
        while files.read_identity() is None:
            await self._clock.sleep(0.01)

    async def _watch_start(self, active: _Active, notify: int) -> None:
        try:
            await wait_readable(notify)
            said = os.read(notify, 16)
        finally:
            os.close(notify)
        if said == b"started" and active.run.exit is None:
            active.run = replace(active.run, started_at=self._clock.now())
            self._tell(active)

    async def _watch_shim(self, active: _Active, pid: int) -> None:
        await wait_readable(active.pidfd)
        reap(pid)
        if not active.files.has_ended():
            # The shim itself was killed. Its child died with it; others may have stayed.
            active.files.write_lost("its supervisor was killed", at=self._clock.now())
            active.is_lost = True
            await self.kill_leftovers()
        self._end(active)

    async def _stop(self, active: _Active, grace: float, hook: Hook | None) -> None:
        began = self._clock.monotonic()
        if hook is not None and grace > 0:
            await ends_within(self._clock, grace, _until_first(hook, active.ended.wait))
        left = grace - (self._clock.monotonic() - began)
        if left > 0:
            _send(active, signal.SIGTERM)
            if await ends_within(self._clock, left, active.ended.wait()):
                return
        _send(active, signal.SIGUSR1)
        if await ends_within(self._clock, _DIES_WITHIN, active.ended.wait()):
            return
        logger.warning("a container outlived SIGKILL", extra=facts(run=active.spec.id))
        _send(active, signal.SIGKILL)

    def _end(self, active: _Active, *, is_adopted: bool = False) -> None:
        found = active.files.read_exit(active.spec, at=None if is_adopted else self._clock.now())
        assert found is not None, "a run is ended only after its exit is on disk"
        started_at = active.run.started_at
        identity = active.files.read_identity()
        if started_at is None and identity is not None and found.reason != "StartError":
            # It ended before the news of its start was read; nothing is later than its end.
            started_at = min(identity.started_at, found.finished_at)
        active.run = replace(active.run, started_at=started_at, exit=found)
        _close(active)
        active.ended.set()
        self._tell(active)

    def _register(self, active: _Active) -> None:
        spec = active.spec
        self._actives[spec.id] = active
        ids = self._by_container.setdefault(spec.pod_uid, {}).setdefault(spec.container, [])
        ids.append(spec.id)
        while len(ids) > _KEPT_RUNS:
            old = self._actives.pop(ids.pop(0))
            _close(old)
            old.files.remove()

    def _tell(self, active: _Active) -> None:
        for listener in self._listeners:
            listener(active.spec.pod_uid)

    def _go(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._group.create_task(_guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step would leave its coroutine unawaited.
        task.add_done_callback(lambda _: work.close())
        return task


def _to_run(spec: RunSpec) -> Run:
    return Run(id=spec.id, attempt=spec.attempt, spec_hash=spec.spec_hash, backoff=spec.backoff)


async def _guard(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        # One container's trouble must not end the agent and every other container's watch.
        logger.exception("watching a container failed")


def _explain_loss(identity: ShimIdentity) -> str:
    if not identity.is_this_boot:
        return "the machine was restarted while it ran"
    return "it was killed together with its supervisor while kaito was not running"


def _send(active: _Active, number: int) -> None:
    if active.pidfd >= 0:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(active.pidfd, number)


def _close(active: _Active) -> None:
    if active.pidfd >= 0:
        os.close(active.pidfd)
        active.pidfd = -1


async def _until_first(*works: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    tasks = [asyncio.ensure_future(work()) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
