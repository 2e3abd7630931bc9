"""Runs controllers: watches feed a queue, workers observe, decide and apply.

A controller never sees a client, a clock or a queue: it names what it watches, reads what it
needs, and returns a `Decision`.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from kaito.api.meta import Key, Object
from kaito.api.resources import Resource
from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.kube import errors
from kaito.kube.cache import Reader
from kaito.kube.client import Client
from kaito.kube.controller.apply import Executor
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.recorder import Recorder
from kaito.kube.informer import Informers
from kaito.kube.workqueue import WorkQueue

T = TypeVar("T", bound=Object)
O = TypeVar("O")  # noqa: E741
logger = logging.getLogger(__name__)

_TELL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Watch(Generic[T]):
    """A resource whose changes concern a controller, and which keys each object concerns."""

    resource: Resource[T]
    keys: Callable[[T], Iterable[Key]]
    lookup: Callable[[Reader, T], Iterable[Key]] | None = None
    """For objects that do not name whom they concern: who refers to them, by what is cached."""


def its_own_key(item: Object) -> tuple[Key, ...]:
    """For the watch on the controller's own kind."""
    return (item.key,)


def key_of_controller(kind: str) -> Callable[[Object], tuple[Key, ...]]:
    """For watches on what a `kind` owns: the key of the owner that manages an object."""

    def keys(item: Object) -> tuple[Key, ...]:
        owner = item.metadata.controller
        if owner is None or owner.kind != kind:
            return ()
        return (Key(item.metadata.namespace, owner.name),)

    return keys


class Controller(Protocol[O]):
    """One control loop."""

    @property
    def name(self) -> str:
        """Names the loop in logs and events, and is its field manager."""
        ...

    @property
    def watches(self) -> tuple[Watch[Any], ...]:
        """Everything it reads; `observe` may read nothing else."""
        ...

    async def observe(self, reader: Reader, key: Key) -> O | None:
        """All facts about the key, or None when there is nothing to decide. Reads only."""
        ...

    def decide(self, observed: O, now: datetime) -> Decision:
        """What to do about it. Pure."""
        ...


class Loop:
    """One controller with its queue."""

    def __init__(self, controller: Controller[Any], client: Client, *, clock: Clock) -> None:
        self.controller = controller
        self.queue: WorkQueue[Key] = WorkQueue(clock=clock)
        self._clock = clock
        self.recorder = Recorder(client, component=controller.name, clock=clock)
        self._executor = Executor(client, manager=controller.name)

    def subscribe(self, informers: Informers) -> None:
        """Queue the keys of every change that the controller watches."""
        for watch in self.controller.watches:
            listener = self._listener(watch, informers)
            informers.watch(watch.resource).subscribe(listener)

    def _listener(
        self, watch: Watch[Any], reader: Reader
    ) -> Callable[[Object | None, Object | None], None]:
        def listen(old: Object | None, new: Object | None) -> None:
            for item in filter(None, (old, new)):
                for key in watch.keys(item):
                    self.queue.add(key)
                for key in watch.lookup(reader, item) if watch.lookup else ():
                    self.queue.add(key)

        return listen

    async def work(self, reader: Reader) -> None:
        """Reconcile one key after another until cancelled."""
        while True:
            key = await self.queue.get()
            try:
                await self.reconcile(reader, key)
            finally:
                self.queue.done(key)

    async def reconcile(self, reader: Reader, key: Key) -> None:
        """One pass over one key; failures are logged and the key comes back later."""
        try:
            observed = await self.controller.observe(reader, key)
            if observed is None:
                self.queue.forget(key)
                return
            decision = self.controller.decide(observed, self._clock.now())
            notes = await self._executor.apply(decision)
        except errors.Conflict:
            # The reading was outdated; the watch that will correct it is on its way.
            self.queue.add_failed(key, sooner=True)
        except errors.ApiError as error:
            delay = self.queue.add_failed(key, at_least=error.retry_after)
            self._log_refusal(key, error, delay)
        except Exception:
            delay = self.queue.add_failed(key)
            found = facts(controller=self.controller.name, key=key, retry_in=round(delay, 2))
            logger.exception("reconcile failed", extra=found)
        else:
            for note in notes:
                self.recorder.tell(note)
            self.queue.forget(key)
            if decision.requeue_after is not None:
                self.queue.add_after(key, decision.requeue_after)

    def _log_refusal(self, key: Key, error: errors.ApiError, delay: float) -> None:
        found = facts(
            controller=self.controller.name, key=key, error=error, retry_in=round(delay, 2)
        )
        logger.warning("the API server refused", extra=found)


class Runner:
    """Several controllers over shared caches."""

    def __init__(
        self,
        client: Client,
        controllers: Iterable[Controller[Any]],
        *,
        clock: Clock,
        workers: int = 4,
    ) -> None:
        """`workers` is how many keys of one controller are reconciled at a time."""
        self.informers = Informers(client, clock=clock)
        self._clock = clock
        self.loops = tuple(Loop(controller, client, clock=clock) for controller in controllers)
        self._workers = workers
        for loop in self.loops:
            loop.subscribe(self.informers)

    async def run(self) -> None:
        """Run every controller until cancelled; workers start once the caches are filled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.informers.run(), name="informers")
            await self._wait_synced()
            for loop in self.loops:
                name = loop.controller.name
                group.create_task(loop.queue.run_timers(), name=f"{name} timers")
                group.create_task(loop.recorder.run(), name=f"{name} events")
                for number in range(self._workers):
                    group.create_task(loop.work(self.informers), name=f"{name} worker {number}")

    async def _wait_synced(self) -> None:
        """Wait for every cache's first list, saying from time to time which are missing."""
        synced = asyncio.ensure_future(self.informers.wait_synced())
        try:
            while not synced.done():
                pause = asyncio.ensure_future(self._clock.sleep(_TELL_SECONDS))
                await asyncio.wait({synced, pause}, return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
                if missing := self.informers.unsynced:
                    logger.warning("waiting for lists", extra=facts(missing=",".join(missing)))
        finally:
            synced.cancel()
