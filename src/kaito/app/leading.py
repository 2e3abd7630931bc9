"""The life of a process of which several may run and one works: lead, drain, let go.

The operator and the provisioner share it. Order matters: fill the caches before standing for
election (a leader with empty caches helps nobody), drain the workers before the lease is given up.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from random import SystemRandom
from typing import Any

from kaito.api.meta import Key
from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.kube import errors
from kaito.kube.client import Client
from kaito.kube.controller.runner import Runner
from kaito.kube.election import Election, LeadershipLost
from kaito.kube.informer import Informers
from kaito.kube.lease import ApiLeases, LeaseLock, LeaseSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Who this process is: its name among replicas, and how it is told to end."""

    identity: str
    stop: asyncio.Event


class Leadership:
    """The right to work: by a Lease, or always where there is no election."""

    def __init__(
        self, client: Client, standing: Standing, *, lease: Key | None, clock: Clock
    ) -> None:
        """`lease` is None where this is the only replica; `client` must not be fenced itself."""
        self.is_draining = False
        self._stop = standing.stop
        self._election: Election | None = None
        if lease is not None:
            settings = LeaseSettings(key=lease, identity=standing.identity)
            lock = LeaseLock(ApiLeases(client), settings, clock=clock)
            self._election = Election(lock, clock=clock, random=SystemRandom().random)

    @property
    def is_held(self) -> bool:
        """Whether this process may work now."""
        return self._election.is_leader if self._election else True

    def require(self) -> None:
        """Raise `LeadershipLost` unless this process leads."""
        if self._election is not None:
            self._election.require()

    def require_for_write(self) -> None:
        """The same as the API's own refusal, for a client's fence."""
        try:
            self.require()
        except LeadershipLost as error:
            raise errors.Denied(f"not written: {error}", hint=error.hint) from error

    async def lead(
        self, informers: Informers, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Fill the caches, then work as the only one."""
        await informers.wait_synced()
        if self._election is None:
            await work()
        else:
            await self._election.lead(work)

    async def end_when_told(
        self,
        leading: "asyncio.Task[None]",
        runners: Iterable[Runner],
        *,
        drain_seconds: float,
        logger: logging.Logger,
    ) -> None:
        """Return once `leading` has ended: by itself, or drained after the process was told to."""
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({leading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        self.is_draining = True
        if leading.done():
            return
        logger.info("draining", extra=facts(leads=self.is_held))
        for runner in runners:
            runner.drain()
        if self.is_held:
            await asyncio.wait({leading}, timeout=drain_seconds)
        leading.cancel()
        await asyncio.wait({leading})

    def missing(self, informers: Informers) -> tuple[str, ...]:
        """Why the process is not ready, one line each: it ends, or caches are not filled."""
        if self.is_draining:
            return ("draining",)
        unsynced = informers.unsynced
        waits = tuple(f"no list of {resource} yet" for resource in unsynced)
        return (*waits, *(informers.problems if unsynced else ()))
