"""Runs controllers: watches feed a queue, workers observe, decide and apply.

A controller never sees a client, a clock or a queue: it names what it watches, reads what it
needs, and returns a `Decision`.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from kaito.api.meta import Key, Object
from kaito.api.resources import Resource
from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.kube import errors
from kaito.kube.cache import Reader
from kaito.kube.client import Client
from kaito.kube.controller.apply import Executor
from kaito.kube.controller.decision import WRITE_REFUSED, Decision, Note
from kaito.kube.controller.recorder import Recorder
from kaito.kube.informer import Informers
from kaito.kube.workqueue import Closed, WorkQueue

T = TypeVar("T", bound=Object)
O = TypeVar("O")  # noqa: E741
logger = logging.getLogger(__name__)

_TELL_SECONDS = 10.0
_WORKERS = 4
"""How many keys of one controller are reconciled at a time."""

Stage = Literal["observe", "decide", "apply"]
Outcome = Literal["success", "conflict", "error"]


@dataclass(frozen=True, slots=True)
class Watch(Generic[T]):
    """A resource whose changes concern a controller, and which keys each object concerns."""

    resource: Resource[T]
    keys: Callable[[T], Iterable[Key]]
    lookup: Callable[[Reader, T], Iterable[Key]] | None = None
    """For objects that do not name whom they concern: who refers to them, by what is cached."""
    is_urgent: Callable[[T], bool] = lambda _: False
    """Whether the keys go before all others: somebody has just asked for something new."""


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


@runtime_checkable
class Effective(Protocol):
    """A controller whose decisions have effects outside of the API server."""

    async def carry_out(self, effect: object) -> None:
        """Make one effect real; idempotent."""
        ...


class Meter(Protocol):
    """Hears how long the stages of a pass take, and how passes end."""

    def took(self, controller: str, stage: Stage, seconds: float) -> None:
        """One stage of one pass ended well."""
        ...

    def ended(self, controller: str, outcome: Outcome) -> None:
        """One pass ended."""
        ...


class Loop:
    """One controller with its queue."""

    def __init__(
        self,
        controller: Controller[Any],
        client: Client,
        *,
        clock: Clock,
        meter: Meter | None = None,
    ) -> None:
        self.controller = controller
        self._meter = meter
        self.queue: WorkQueue[Key] = WorkQueue(clock=clock)
        self._clock = clock
        self.recorder = Recorder(client, component=controller.name, clock=clock)
        carry_out = controller.carry_out if isinstance(controller, Effective) else None
        self._executor = Executor(client, manager=controller.name, carry_out=carry_out)

    def subscribe(self, informers: Informers) -> None:
        """Queue the keys of every change that the controller watches."""
        for watch in self.controller.watches:
            informers.watch(watch.resource).subscribe(self.listener(watch, informers))

    def listener(
        self, watch: Watch[Any], reader: Reader
    ) -> Callable[[Object | None, Object | None], None]:
        """What a cache of the watched resource is to call with each change."""

        def listen(old: Object | None, new: Object | None) -> None:
            is_urgent = new is not None and watch.is_urgent(new)
            for item in filter(None, (old, new)):
                for key in watch.keys(item):
                    self.queue.add(key, is_urgent=is_urgent)
                for key in watch.lookup(reader, item) if watch.lookup else ():
                    self.queue.add(key)

        return listen

    async def work(self, reader: Reader) -> None:
        """Reconcile one key after another until cancelled or drained."""
        while True:
            try:
                key = await self.queue.get()
            except Closed:
                return
            try:
                await self.reconcile(reader, key)
            finally:
                self.queue.done(key)

    async def reconcile(self, reader: Reader, key: Key) -> None:
        """One pass over one key; failures are logged and the key comes back later."""
        outcome: Outcome = "error"
        try:
            done = await self._pass(reader, key)
        except (errors.Conflict, errors.AlreadyExists):
            # The reading was outdated; the watch that will correct it is on its way.
            outcome = "conflict"
            self.queue.add_failed(key, sooner=True)
        except errors.ApiError as error:
            delay = self.queue.add_failed(key, at_least=error.retry_after)
            self._log_refusal(key, error, delay)
            self._tell_refusal(reader, key, error)
        except Exception:
            delay = self.queue.add_failed(key)
            found = facts(controller=self.controller.name, key=key, retry_in=round(delay, 2))
            logger.exception("reconcile failed", extra=found)
        else:
            outcome = "success"
            self.queue.forget(key)
            if done is not None and done.requeue_after is not None:
                self.queue.add_after(key, done.requeue_after)
        if self._meter:
            self._meter.ended(self.controller.name, outcome)

    async def _pass(self, reader: Reader, key: Key) -> Decision | None:
        """Observe, decide, apply; what was decided, if there was anything to decide about."""
        if self._executor.is_ahead_of(reader, key):
            return None
        with self._timed("observe"):
            observed = await self.controller.observe(reader, key)
        if observed is None:
            return None
        with self._timed("decide"):
            decision = self.controller.decide(observed, self._clock.now())
        with self._timed("apply"):
            notes = await self._executor.apply(decision)
        for note in notes:
            self.recorder.tell(note)
        return decision

    @contextmanager
    def _timed(self, stage: Stage) -> Iterator[None]:
        if self._meter is None:
            yield
            return
        started = self._clock.monotonic()
        yield
        self._meter.took(self.controller.name, stage, self._clock.monotonic() - started)

    def _tell_refusal(self, reader: Reader, key: Key, error: errors.ApiError) -> None:
        """Say at the object what waiting does not cure, to whoever cannot read this log."""
        if not error.is_refusal:
            return
        own = next((w.resource for w in self.controller.watches if w.keys is its_own_key), None)
        item = reader.get(own, key) if own is not None else None
        if item is not None:
            note = Note(about=item, reason=WRITE_REFUSED, message=str(error), type="Warning")
            self.recorder.tell(note)

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
        informers: Informers | None = None,
        meter: Meter | None = None,
    ) -> None:
        """`informers` may be shared with others, who then run them."""
        self.informers = informers or Informers(client, clock=clock)
        self._clock = clock
        self._draining = asyncio.Event()
        self.loops = tuple(
            Loop(controller, client, clock=clock, meter=meter) for controller in controllers
        )
        for loop in self.loops:
            loop.subscribe(self.informers)

    async def run(self) -> None:
        """Follow the server and run every controller until cancelled or drained."""
        async with asyncio.TaskGroup() as group:
            following = group.create_task(self.informers.run(), name="informers")
            await self.work()
            following.cancel()

    async def work(self) -> None:
        """Run every controller over informers that run already, until cancelled or drained."""
        await self._wait_synced()
        if self._draining.is_set():
            return
        async with asyncio.TaskGroup() as group:
            side = []
            for loop in self.loops:
                name = loop.controller.name
                side.append(group.create_task(loop.queue.run_timers(), name=f"{name} timers"))
                side.append(group.create_task(loop.recorder.run(), name=f"{name} events"))
            async with asyncio.TaskGroup() as workers:
                for loop in self.loops:
                    for number in range(_WORKERS):
                        name = f"{loop.controller.name} worker {number}"
                        workers.create_task(loop.work(self.informers), name=name)
            for loop in self.loops:
                await loop.recorder.written()
            for task in side:
                task.cancel()

    def drain(self) -> None:
        """Have `run` and `work` end once every key that a worker holds is finished."""
        self._draining.set()
        for loop in self.loops:
            loop.queue.close()

    async def _wait_synced(self) -> None:
        """Wait for every cache's first list, saying from time to time which are missing."""
        synced = asyncio.ensure_future(self.informers.wait_synced())
        draining = asyncio.ensure_future(self._draining.wait())
        try:
            while not synced.done() and not draining.done():
                pause = asyncio.ensure_future(self._clock.sleep(_TELL_SECONDS))
                waits = {synced, draining, pause}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                pause.cancel()
                if missing := self.informers.unsynced:
                    why = "; ".join(self.informers.problems)
                    found = facts(missing=",".join(missing), why=why)
                    logger.warning("waiting for lists", extra=found)
        finally:
            synced.cancel()
            draining.cancel()
