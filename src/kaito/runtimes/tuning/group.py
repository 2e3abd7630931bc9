"""Several processes of this program train together: one a GPU, on one node or on several.

    group.py (this process)     starts the ranks of its node, passes SIGTERM on, ends them together
      rank 0 … rank n-1         the trainer; its environment says which one it is

Not torchrun, whose exit status is 1 whatever a rank ended with: what the control plane does about
an end depends on it. A rank that is gone would leave the others waiting; they are killed then, and
the job goes on from its last checkpoint when it is started again. What ended first is the cause.
"""

import asyncio
import ctypes
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kaito.api.runtime import ENV_TERMINATION_LOG, ExitCode
from kaito.api.tuning_job import TuningArguments
from kaito.runtimes.ending import write_ending
from kaito.runtimes.tuning.errors import RETRY_ME
from kaito.runtimes.tuning.ranks import ENV_LOCAL_RANK, ENV_LOCAL_RANKS, ENV_RANK, ENV_RANKS

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
        port=_free_port() if alone else int(port) if host else _PORT,
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
    """Train with all ranks of this node; the exit status of the one that ended first, or 0."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_run(argv, group, Path(folder)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """One rank of this node."""

    rank: int
    process: asyncio.subprocess.Process
    message: Path

    @property
    def has_failed(self) -> bool:
        return self.process.returncode not in (None, 0)


async def _run(argv: Sequence[str], group: Group, folder: Path) -> int:
    members = [await _start(argv, group, index, folder) for index in range(group.processes)]
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, _pass_on, members, sign)
    try:
        cause = await _wait(members)
    finally:
        _pass_on(members, signal.SIGKILL)
    if cause is not None:
        return _end_with(cause, group)
    if members[0].message.exists():
        write_ending(members[0].message.read_text(encoding="utf-8"))
    return ExitCode.OK


async def _start(argv: Sequence[str], group: Group, index: int, folder: Path) -> _Member:
    message = folder / f"message-{index}"
    environment = {**group.environment(index), ENV_TERMINATION_LOG: str(message)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kaito.runtimes.tuning", *argv, env=environment
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
