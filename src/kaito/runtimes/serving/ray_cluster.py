"""Pods that serve one model together: the first starts Ray and the engine, the others join it.

Ray's own program does the work; this module says when, and for how long to wait for whom. The
leader goes on to the engine once every GPU has joined. A worker answers the same probes as the
leader and lives as long as the leader's Ray can be reached: a group starts, and starts again,
together.
"""

import asyncio
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kaito.api.runtime import ENV_POD_NAME, ENV_RAY_IP, Distributed, ExitCode
from kaito.base.clock import Clock
from kaito.base.errors import UsageError
from kaito.base.logs import facts
from kaito.base.quantity import GIB
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.worker_probes import WorkerState, serve_probes

logger = logging.getLogger(__name__)

_OBJECT_STORE_BYTES = GIB
"""Ray would take 30 % of the memory, in a /dev/shm that is bounded; the engine needs little."""
_ASK_SECONDS = 2.0
_LOST_SECONDS = 30.0
"""How long the leader may be silent before a worker gives up."""
_CONNECT_SECONDS = 5.0
_NOTICE_SECONDS = 40.0
"""Within which Ray knows that a node is gone: it asks every 3 s, and believes the fifth silence."""
_JOINED = re.compile(r"[\d.]+/(\d+)(?:\.\d+)? GPU\b")
"""The line of `ray status` with the GPUs in use and those of all nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """This pod's part in the group."""

    group: Distributed
    name: str
    address: str

    @property
    def leads(self) -> bool:
        """Whether it is the first pod."""
        return self.name.endswith("-0")

    @classmethod
    def of_environment(cls, group: Distributed) -> "Member":
        """From the two variables that the pod was rendered with."""
        name, address = os.environ.get(ENV_POD_NAME, ""), os.environ.get(ENV_RAY_IP, "")
        if not (name and address):
            raise UsageError(f"--nodes above 1 needs {ENV_POD_NAME} and {ENV_RAY_IP}")
        return cls(group=group, name=name, address=address)


async def form_cluster(member: Member, clock: Clock) -> None:
    """Start Ray as its head and return when all GPUs have joined; raises `Ending` when they do not.

    The engine then finds Ray by its environment variable.
    """
    group = member.group
    await _finish(_head_command(member))
    os.environ["RAY_ADDRESS"] = f"{member.address}:{group.port}"
    deadline = clock.monotonic() + group.join_seconds
    told = -1
    while (joined := await _count_gpus()) < group.gpus:
        if joined != told:
            logger.info("waiting for GPUs", extra=facts(joined=joined, wanted=group.gpus))
            told = joined
        if clock.monotonic() >= deadline:
            raise Ending(
                f"{joined} of {group.gpus} GPUs joined within {group.join_seconds} s",
                ExitCode.PEERS,
                hint=f"look at the other {group.nodes - 1} pods of this workspace",
            )
        await clock.sleep(_ASK_SECONDS)
    logger.info("every GPU has joined", extra=facts(gpus=joined, nodes=group.nodes))


async def find_loss(group: Distributed, clock: Clock) -> str:
    """What the group lacks now that its engine has died, in words; empty where nothing does.

    The engine itself says no more than that its executor failed.
    """
    deadline = clock.monotonic() + _NOTICE_SECONDS
    while (joined := await _count_gpus()) >= group.gpus:
        if clock.monotonic() >= deadline:
            return ""
        await clock.sleep(_ASK_SECONDS)
    return f"a pod of the group is gone, {joined} of {group.gpus} GPUs are left"


async def lend_gpus(member: Member, host: str, port: int, clock: Clock) -> None:
    """Join the leader's Ray and stay; always ends in an `Ending` unless cancelled."""
    state = WorkerState()
    async with serve_probes(state, host, port):
        await _wait_for_leader(member.group, clock)
        ray = await asyncio.create_subprocess_exec(*_worker_command(member), env=_environment())
        try:
            await _stay(member.group, ray, state, clock)
        finally:
            if ray.returncode is None:
                ray.terminate()
                await ray.wait()


async def _wait_for_leader(group: Distributed, clock: Clock) -> None:
    deadline = clock.monotonic() + group.join_seconds
    logger.info("waiting for the leader", extra=facts(leader=group.leader, port=group.port))
    while await _knock(group) != "open":
        if clock.monotonic() >= deadline:
            raise Ending(
                f"no Ray at {group.leader}:{group.port} within {group.join_seconds} s",
                ExitCode.PEERS,
                hint="look at the first pod of this workspace",
            )
        await clock.sleep(_ASK_SECONDS)


async def _stay(
    group: Distributed, ray: asyncio.subprocess.Process, state: WorkerState, clock: Clock
) -> None:
    """Watch Ray and the leader until one of them is gone."""
    ended = asyncio.ensure_future(ray.wait())
    seen = clock.monotonic()
    try:
        while not ended.done():
            answer = await _knock(group)
            if answer == "open":
                seen, state.trouble = clock.monotonic(), ""
            elif answer == "refused":
                # Its host answers and Ray does not: it has ended, and what starts in its place
                # knows nothing of this worker. Ray itself would take a minute to find that out.
                raise Ending(f"Ray of the leader {group.leader} has ended", ExitCode.PEERS)
            elif clock.monotonic() - seen >= _LOST_SECONDS:
                raise Ending(f"the leader {group.leader} is gone", ExitCode.PEERS)
            nap = asyncio.ensure_future(clock.sleep(_ASK_SECONDS))
            await asyncio.wait({ended, nap}, return_when=asyncio.FIRST_COMPLETED)
            nap.cancel()
    finally:
        ended.cancel()
    raise Ending(f"Ray ended with exit code {ray.returncode}", ExitCode.PEERS)


async def _knock(group: Distributed) -> Literal["open", "refused", "silent"]:
    """Whether the leader's Ray listens, only its host is there, or nothing is heard at all."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(group.leader, group.port)
    except ConnectionRefusedError:
        return "refused"
    except (OSError, TimeoutError):
        return "silent"
    writer.close()
    return "open"


async def _count_gpus() -> int:
    """GPUs of all nodes that have joined; 0 as long as Ray does not know."""
    status = await asyncio.create_subprocess_exec(
        *("ray", "status"),
        env=_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await status.communicate()
    found = _JOINED.search(said.decode(errors="replace"))
    return int(found[1]) if found else 0


async def _finish(command: Sequence[str]) -> None:
    try:
        child = await asyncio.create_subprocess_exec(*command, env=_environment())
    except FileNotFoundError as error:
        hint = "a model of several pods needs an image with Ray"
        raise Ending("the image has no Ray program", ExitCode.SOFTWARE, hint=hint) from error
    if code := await child.wait():
        message = f"{' '.join(command[:3])} ended with exit code {code}"
        raise Ending(message, ExitCode.SOFTWARE, hint="its own words are in the pod's log")


def _head_command(member: Member) -> tuple[str, ...]:
    # The dashboard takes jobs from whoever reaches it, without a password.
    return (
        *("ray", "start", "--head", "--include-dashboard=false"),
        f"--port={member.group.port}",
        f"--node-ip-address={member.address}",
        f"--object-store-memory={_OBJECT_STORE_BYTES}",
    )


def _worker_command(member: Member) -> tuple[str, ...]:
    return (
        *("ray", "start", "--block"),
        f"--address={member.group.leader}:{member.group.port}",
        f"--node-ip-address={member.address}",
        f"--object-store-memory={_OBJECT_STORE_BYTES}",
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
