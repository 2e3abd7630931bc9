"""Leader election: one process at a time does the work.

A leader that cannot renew stops before anybody else may begin: its right to write (`require`) ends
`renew_deadline` after the last renewal was *sent*, others wait `duration` after they saw it. Losing
the lease is final for a process: it ends with `LeadershipLost` and starts anew as a candidate.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from kaito.base.clock import Clock
from kaito.base.errors import KaitoError
from kaito.base.logs import facts
from kaito.kube import errors
from kaito.kube.lease import LeaseLock

R = TypeVar("R")
logger = logging.getLogger(__name__)

_JITTER = 1.2
"""client-go's: candidates wait up to this much longer, so that they do not all try at once."""
_RELEASE_SECONDS = 3.0


class LeadershipLost(KaitoError):
    """The lease could not be renewed in time, or another process holds it."""


class Election:
    """One candidate."""

    def __init__(self, lock: LeaseLock, *, clock: Clock, random: Callable[[], float]) -> None:
        """`random` gives numbers from 0 to 1."""
        self._lock = lock
        self._settings = lock.settings
        self._clock = clock
        self._random = random
        self._leads = False

    @property
    def leader(self) -> str:
        """The identity of whoever led when last seen; empty for nobody."""
        return self._lock.holder

    @property
    def is_leader(self) -> bool:
        """Whether this process may write now. True at one process at a time, whatever happens."""
        return self._leads and self._remaining() > 0

    def require(self) -> None:
        """Pass while this process may write.

        Raises:
            LeadershipLost: it may not; whatever wants to write has to stop.
        """
        if not self.is_leader:
            raise self._lost()

    async def lead(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Wait for the lease, then work until `work` ends; the lease is released afterwards.

        Raises:
            LeadershipLost: the lease went while working; `work` was cancelled in time.
        """
        try:
            await self._acquire()
        except asyncio.CancelledError:
            # The last attempt may have arrived: nobody should have to wait for its expiry.
            await self._release()
            raise
        self._leads = True
        logger.info("leading", extra=facts(identity=self._settings.identity))
        working = asyncio.create_task(work(), name="leader's work")
        renewing = asyncio.create_task(self._renew(), name="lease renewal")
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
            else:
                await renewing
                raise self._lost()
        finally:
            # First the work, then the right to it.
            await _stop(working)
            self._leads = False
            await _stop(renewing)
            await self._release()

    async def _acquire(self) -> None:
        told = ""
        while not await self._try():
            if self.leader and self.leader != told:
                told = self.leader
                logger.info("standing by", extra=facts(leader=told))
            await self._clock.sleep(self._pause())

    async def _renew(self) -> None:
        """Renew until the lease is lost."""
        while self._remaining() > 0:
            await self._clock.sleep(min(self._pause(), self._remaining()))
            if self._remaining() > 0 and not await self._try() and self._is_taken():
                return

    async def _try(self) -> bool:
        """One attempt that takes no longer than half of the time there is."""
        most = self._settings.renew_deadline / 2
        if self._leads:
            most = min(most, self._remaining())
        try:
            return await _within(self._clock, most, self._lock.attempt())
        except errors.ApiError as error:
            logger.warning("lease not reached", extra=facts(error=error))
        except TimeoutError:
            logger.warning("lease not reached", extra=facts(error=f"no answer in {most:.1f}s"))
        return False

    async def _release(self) -> None:
        try:
            await _within(self._clock, _RELEASE_SECONDS, self._lock.release())
        except (errors.ApiError, TimeoutError) as error:
            # Others will have it when it expires.
            logger.warning("lease not released", extra=facts(error=error))

    def _remaining(self) -> float:
        renewed = self._lock.renewed_at
        if renewed is None:
            return 0.0
        return renewed + self._settings.renew_deadline - self._clock.monotonic()

    def _is_taken(self) -> bool:
        return self.leader not in ("", self._settings.identity)

    def _pause(self) -> float:
        return self._settings.retry * (1 + (_JITTER - 1) * self._random())

    def _lost(self) -> LeadershipLost:
        key = self._settings.key
        if self._is_taken():
            return LeadershipLost(
                f"lease {key} is held by {self.leader!r}",
                hint="this process ends; restarted, it stands by as a candidate",
            )
        return LeadershipLost(
            f"lease {key} was not renewed within {self._settings.renew_deadline:g}s",
            hint="is the API server reachable, and may this account update leases?",
        )


async def _stop(task: "asyncio.Task[None]") -> None:
    """Cancel and wait; what it ends with is not of interest any more."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


async def _within(clock: Clock, seconds: float, work: Awaitable[R]) -> R:
    """`asyncio.timeout` on any clock."""
    task = asyncio.ensure_future(work)
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise TimeoutError
        return await task
    finally:
        alarm.cancel()
        task.cancel()
