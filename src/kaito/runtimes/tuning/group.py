"""Several processes of this program train together: one a GPU, on one node or on several.

    group.py (this process)     starts the ranks of its node, passes SIGTERM on, ends them together
      rank 0 … rank n-1         the trainer; its environment says which one it is

Not torchrun, whose exit status is 1 whatever a rank ended with: what the control plane does about
an end depends on it. A rank that is gone would leave the others waiting; they are killed then, and
the job goes on from its last checkpoint when it is started again. What ended first is the cause.
Where there are several nodes, these processes meet before a rank starts and stay in touch.
"""

import asyncio
import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from kaito.api.runtime import ENV_TERMINATION_LOG, ExitCode
from kaito.api.tuning_job import TuningArguments
from kaito.base.clock import SystemClock
from kaito.runtimes.ending import Ending, write_ending
from kaito.runtimes.tuning.errors import RETRY_ME, PeersGone, to_ending
from kaito.runtimes.tuning.job import is_trained
from kaito.runtimes.tuning.meeting import Guest, Host, Meeting, Word, free_port
from kaito.runtimes.tuning.pace import keep_pace
from kaito.runtimes.tuning.ranks import (
    ENV_LOCAL_RANK,
    ENV_LOCAL_RANKS,
    ENV_NODE_FOLDER,
    ENV_PACED,
    ENV_RANK,
    ENV_RANKS,
)

ENV_NODE: Final = "JOB_COMPLETION_INDEX"
"""Which node of a job of several this is: Kubernetes says so in every pod of an indexed Job."""
_ENV_LAUNCHER: Final = "KAITO_TUNING_LAUNCHER"
"""Process id of the one that started a rank."""
_PR_SET_PDEATHSIG: Final = 1
"""prctl(2)"""
_PORT: Final = 29500
_GPU_DEVICES: Final = ("nvidia[0-9]*", "kfd")
"""NVIDIA's and AMD's drivers' files, without which neither can be used."""
_STOP_SECONDS: Final = 110.0
"""For the last rank to follow the first one that was stopped: less than the pod's own grace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The ranks of one node, and where all meet."""

    processes: int
    nodes: int
    node: int
    address: str
    port: int

    @property
    def ranks(self) -> int:
        """On all nodes."""
        return self.processes * self.nodes

    def environment(self, index: int) -> dict[str, str]:
        """Of one rank of this node."""
        cores = len(os.sched_getaffinity(0))
        return {
            "OMP_NUM_THREADS": str(max(cores // self.processes, 1)),
            **os.environ,
            ENV_RANK: str(self.node * self.processes + index),
            ENV_RANKS: str(self.ranks),
            ENV_LOCAL_RANK: str(index),
            ENV_LOCAL_RANKS: str(self.processes),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
            _ENV_LAUNCHER: str(os.getpid()),
            **({ENV_PACED: "true"} if self.nodes > 1 else {}),
        }


def plan_group(arguments: TuningArguments) -> Group | None:
    """The group that this process has to start; None where it trains alone, or is a rank itself."""
    if ENV_RANK in os.environ:
        return None
    processes = arguments.processes or max(_count_gpus(), 1)
    if processes * arguments.nodes == 1:
        return None
    host, _, port = arguments.first_node.rpartition(":")
    alone = arguments.nodes == 1
    return Group(
        processes=processes,
        nodes=arguments.nodes,
        node=int(os.environ.get(ENV_NODE, "0")),
        address="127.0.0.1" if alone else host or arguments.first_node,
        port=free_port() if alone else int(port) if host else _PORT,
    )


def end_with_launcher() -> None:
    """Have the kernel end this rank with the process that started it; nothing else would."""
    launcher = os.environ.get(_ENV_LAUNCHER)
    if launcher is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(launcher):
        os.kill(os.getpid(), signal.SIGKILL)


def run_group(argv: Sequence[str], group: Group) -> int:
    """Train with all ranks of this node; the exit status of the one that ended first, or 0.

    Raises:
        Ending: another node is gone, or never came.
    """
    with tempfile.TemporaryDirectory() as folder:
        if group.nodes == 1:
            return asyncio.run(_run(Crew(argv=argv, group=group, folder=Path(folder))))
        return asyncio.run(_run_with_others(argv, group, Path(folder)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """One rank of this node."""

    rank: int
    process: asyncio.subprocess.Process
    message: Path

    @property
    def has_failed(self) -> bool:
        return self.process.returncode not in (None, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """What the ranks of this node are started with."""

    argv: Sequence[str]
    group: Group
    folder: Path
    members: list[_Member] = field(default_factory=list)


async def _run_with_others(argv: Sequence[str], group: Group, folder: Path) -> int:
    """The same, once all nodes are there."""
    async with _meet(argv, group) as meeting:
        gathering = asyncio.create_task(meeting.gather())
        _on_signals(lambda _: gathering.cancel())
        try:
            call = await gathering
        except asyncio.CancelledError:
            write_ending("stopped before training began: not all nodes were there")
            return RETRY_ME
        group = replace(group, address=call.address, port=call.port)
        crew = Crew(argv=argv, group=group, folder=folder)
        is_idle = call.is_trained and group.node > 0
        delivers = call.is_trained and group.node == 0
        try:
            # What is trained, the first node delivers alone.
            code = await _run(crew, None if delivers else meeting, is_idle=is_idle)
        except Ending:
            await meeting.part("failed")
            raise
        except OSError as error:  # of the files that ranks and this process meet by
            await meeting.part("failed")
            raise to_ending(error) from error
        await meeting.part(_word_for(code))
        return code


def _meet(argv: Sequence[str], group: Group) -> Meeting:
    arguments = TuningArguments.parse_argv(argv)
    key = arguments.group_key
    if group.node > 0:
        return Guest(group.address, group.port, group.node, clock=SystemClock(), key=key)
    return Host(group.port, group.nodes, key=key, is_trained=partial(is_trained, arguments))


def _word_for(code: int) -> Word:
    if code == ExitCode.OK:
        return "done"
    return "stopped" if code == RETRY_ME else "failed"


async def _run(crew: Crew, meeting: Meeting | None = None, *, is_idle: bool = False) -> int:
    stopped = asyncio.Event()

    def stop(sign: signal.Signals) -> None:
        stopped.set()
        _pass_on(crew.members, sign)

    _on_signals(stop)
    try:
        if not is_idle:
            for index in range(crew.group.processes):
                crew.members.append(await _start(crew, index))
        if stopped.is_set():
            # Some were started after the others had been told.
            _pass_on(crew.members, signal.SIGTERM)
        if meeting is None:
            cause = await _wait(crew.members)
        else:
            cause = await _wait_with_others(crew, meeting, stopped)
    finally:
        _pass_on(crew.members, signal.SIGKILL)
    if cause is not None:
        return _end_with(cause, crew.group)
    if stopped.is_set() and crew.group.node > 0:
        write_ending("stopped while the first node delivers the result")
        return RETRY_ME
    if crew.members and crew.members[0].message.exists():
        write_ending(crew.members[0].message.read_text(encoding="utf-8"))
    return ExitCode.OK


async def _wait_with_others(crew: Crew, meeting: Meeting, stopped: asyncio.Event) -> _Member | None:
    """The rank of this node that failed; raises `PeersGone` where another node went before."""
    ranks = asyncio.create_task(_wait(crew.members))
    parting = asyncio.create_task(meeting.departure())
    pacing = asyncio.create_task(keep_pace(crew.folder, meeting, SystemClock()))
    try:
        waited: set[asyncio.Task[Any]] = {ranks, parting, pacing}
        while not (ranks.done() or parting.done()):
            _, waited = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if pacing.done():
                pacing.result()  # raises what another node's data lacks
        if not ranks.done() and parting.result()[1] in ("stopped", "done"):
            # Told to stop, all save together; done comes only after the last step.
            await asyncio.wait({ranks}, timeout=_STOP_SECONDS)
        if not ranks.done():
            raise _gone(parting.result()[0], crew.group)
        if (cause := ranks.result()) is not None or crew.group.node == 0:
            return cause
        await _wait_for_delivery(parting, stopped, crew.group)
        return None
    finally:
        for task in (ranks, parting, pacing):
            task.cancel()


async def _wait_for_delivery(
    parting: "asyncio.Task[tuple[int, Word]]", stopped: asyncio.Event, group: Group
) -> None:
    """Until the first node is done, too: it may have to train again with this one."""
    stop = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({parting, stop}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
    if parting.done() and parting.result()[1] != "done":
        raise _gone(0, group)


def _gone(node: int, group: Group) -> PeersGone:
    return PeersGone(f" (node {node + 1} of {group.nodes})")


def _on_signals(act: Callable[[signal.Signals], object]) -> None:
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, act, sign)


async def _start(crew: Crew, index: int) -> _Member:
    group, message = crew.group, crew.folder / f"message-{index}"
    environment = {
        **group.environment(index),
        ENV_TERMINATION_LOG: str(message),
        ENV_NODE_FOLDER: str(crew.folder),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kaito.runtimes.tuning", *crew.argv, env=environment
    )
    rank = group.node * group.processes + index
    return _Member(rank=rank, process=process, message=message)


def _pass_on(members: Sequence[_Member], sign: signal.Signals) -> None:
    for member in members:
        if member.process.returncode is None:
            member.process.send_signal(sign)


async def _wait(members: Sequence[_Member]) -> _Member | None:
    """The first that fails, when all need no more time; None: every one has ended well."""
    running = {asyncio.create_task(member.process.wait()) for member in members}
    while running:
        _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        failed = [member for member in members if member.has_failed]
        if not failed:
            continue
        # Those that only miss another one are not what went wrong.
        cause = min(failed, key=lambda one: one.process.returncode == ExitCode.PEERS)
        if cause.process.returncode == RETRY_ME and running:
            await asyncio.wait(running, timeout=_STOP_SECONDS)
        for task in running:
            task.cancel()
        return cause
    return None


def _end_with(cause: _Member, group: Group) -> int:
    code = cause.process.returncode or 0
    if code < 0:
        name = signal.Signals(-code).name
        why = "as the kernel does when memory runs out" if name == "SIGKILL" else "in a library"
        write_ending(
            f"process {cause.rank + 1} of {group.ranks} was ended by {name}, {why}; started again, "
            "training goes on from the last checkpoint"
        )
        return 128 - code
    if cause.message.exists():
        write_ending(cause.message.read_text(encoding="utf-8"))
    return code


def _count_gpus() -> int:
    """GPUs that this process sees; torch, which is large, is only asked where there may be some."""
    if not any(found for names in _GPU_DEVICES for found in Path("/dev").glob(names)):
        return 0
    import torch

    return int(torch.cuda.device_count()) if torch.cuda.is_available() else 0
