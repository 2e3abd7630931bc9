"""Loops: what queues a key, and what becomes of a pass that fails."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from kaito.api.core import CONFIGMAPS, EVENTS, SECRETS, ConfigMap
from kaito.api.meta import Key, Manifest, Object, owner_reference
from kaito.api.nodeclaim import NODECLAIMS
from kaito.base.clock import SystemClock, settle
from kaito.kube.cache import Reader
from kaito.kube.client import Client
from kaito.kube.controller.decision import Action, Apply, Create, Decision, Patch
from kaito.kube.controller.runner import Runner, Watch, its_own_key, key_of_controller
from kaito.kube.errors import Denied

PATIENCE = 10.0
A = Key("default", "a")


def manifest(kind: str, name: str, owner: Object | None = None) -> Manifest:
    meta: Manifest = {"name": name, "namespace": "default"}
    if owner:
        meta["ownerReferences"] = [owner_reference(owner)]
    return {"apiVersion": "v1", "kind": kind, "metadata": meta}


class Copier:
    """Makes a Secret for every ConfigMap; `mishap` may go wrong first."""

    name = "copier"

    def __init__(self, mishap: Callable[[int], None] = lambda passes: None) -> None:
        self.watches: tuple[Watch[Any], ...] = (
            Watch(CONFIGMAPS, its_own_key),
            Watch(SECRETS, key_of_controller("ConfigMap")),
        )
        self.passes = 0
        self._mishap = mishap

    async def observe(self, reader: Reader, key: Key) -> ConfigMap | None:
        found = reader.get(CONFIGMAPS, key)
        self.passes += 1
        self._mishap(self.passes)
        return None if reader.get(SECRETS, key) else found

    def decide(self, observed: ConfigMap, now: datetime) -> Decision:
        secret = manifest("Secret", observed.metadata.name, observed)
        return Decision(actions=(Create(resource=SECRETS, manifest=secret),))


@asynccontextmanager
async def running(client: Client, controller: Any) -> AsyncIterator[Runner]:
    runner = Runner(client, (controller,), clock=SystemClock())
    task = asyncio.create_task(runner.run())
    async with asyncio.timeout(PATIENCE):
        await runner.informers.wait_synced()
    yield runner
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def secret_uid(runner: Runner, *, other_than: str = "") -> str:
    """The uid of the Secret once it is there, or is another one."""
    changed = asyncio.Event()
    cache = runner.informers.watch(SECRETS)
    cache.subscribe(lambda old, new: changed.set())
    async with asyncio.timeout(PATIENCE):
        while True:
            found = cache.get(A)
            if found and found.metadata.uid != other_than:
                return found.metadata.uid
            changed.clear()
            await changed.wait()


async def test_what_was_there_before_the_start_is_looked_at(client: Client) -> None:
    await client.create(CONFIGMAPS, manifest("ConfigMap", "a"))

    async with running(client, Copier()) as runner:
        assert await secret_uid(runner)


async def test_the_loss_of_what_is_owned_queues_the_owner(client: Client) -> None:
    async with running(client, Copier()) as runner:
        await client.create(CONFIGMAPS, manifest("ConfigMap", "a"))
        first = await secret_uid(runner)

        await client.delete(SECRETS, A)

        assert await secret_uid(runner, other_than=first)


async def test_a_pass_that_breaks_is_logged_and_made_again(client: Client, caplog: Any) -> None:
    def breaks_once(passes: int) -> None:
        if passes == 1:
            raise RuntimeError("a mistake of the programmer")

    await client.create(CONFIGMAPS, manifest("ConfigMap", "a"))
    async with running(client, Copier(breaks_once)) as runner:
        assert await secret_uid(runner)

    (record,) = [r for r in caplog.records if r.message == "reconcile failed"]
    assert record.exc_info is not None
    assert record.kaito_facts["key"] == A


STALE = {"metadata": {"resourceVersion": "1"}, "data": {"x": "y"}}


@pytest.mark.parametrize(
    "refused",
    [
        Patch(resource=CONFIGMAPS, key=A, patch=STALE),
        Apply(resource=CONFIGMAPS, manifest=manifest("ConfigMap", "a"), is_new=True),
    ],
)
async def test_an_outdated_reading_is_decided_again_without_noise(
    client: Client, caplog: Any, refused: Action
) -> None:
    class Stubborn(Copier):
        def decide(self, observed: ConfigMap, now: datetime) -> Decision:
            if self.passes > 1:
                return super().decide(observed, now)
            return Decision(actions=(refused,))

    await client.create(CONFIGMAPS, manifest("ConfigMap", "a"))
    async with running(client, Stubborn()) as runner:
        assert await secret_uid(runner)

    assert not [r for r in caplog.records if r.levelname in ("WARNING", "ERROR")]


async def test_what_is_refused_for_good_is_told_at_the_object(client: Client) -> None:
    right = 'cannot create resource "secrets" in API group ""'

    def refuse(passes: int) -> None:
        # A lost lease is nobody's business but the process's own.
        raise Denied("the lease is lost") if passes == 1 else Denied(right, status=403)

    await client.create(CONFIGMAPS, manifest("ConfigMap", "a"))
    async with running(client, Copier(refuse)), asyncio.timeout(PATIENCE):
        while not (told := (await client.list(EVENTS)).items):
            await settle()

    assert [(e.involved_object.name, e.reason, e.type, e.message) for e in told] == [
        ("a", "WriteRefused", "Warning", right)
    ]


async def test_a_key_comes_back_when_its_decision_asks_for_that(client: Client) -> None:
    class Patient(Copier):
        def decide(self, observed: ConfigMap, now: datetime) -> Decision:
            if self.passes > 1:
                return super().decide(observed, now)
            return Decision(requeue_after=0.01)

    await client.create(CONFIGMAPS, manifest("ConfigMap", "a"))
    async with running(client, Patient()) as runner:
        assert await secret_uid(runner)


async def test_a_drained_runner_finishes_what_it_is_at_and_begins_nothing(client: Client) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    class Slow(Copier):
        async def observe(self, reader: Reader, key: Key) -> ConfigMap | None:
            begun.set()
            await may_end.wait()
            return await super().observe(reader, key)

    await client.create(CONFIGMAPS, manifest("ConfigMap", "a"))
    slow = Slow()
    runner = Runner(client, (slow,), clock=SystemClock())
    task = asyncio.create_task(runner.run())
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
        runner.drain()
        assert not task.done()
        may_end.set()
        await task

    assert (await client.get(SECRETS, A)).metadata.uid
    assert slow.passes == 1


async def test_a_runner_that_waits_for_lists_can_be_drained(client: Client) -> None:
    class Unserved(Copier):
        def __init__(self) -> None:
            super().__init__()
            self.watches = (Watch(NODECLAIMS, its_own_key),)

    runner = Runner(client, (Unserved(),), clock=SystemClock())
    task = asyncio.create_task(runner.run())
    await settle()
    runner.drain()
    async with asyncio.timeout(PATIENCE):
        await task
