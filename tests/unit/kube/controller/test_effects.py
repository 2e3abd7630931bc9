"""Effects of a decision: what a controller does outside of the API server."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from kaito.api.meta import Key
from kaito.base.clock import ManualClock
from kaito.kube.cache import FixedReader, Reader
from kaito.kube.client import Client
from kaito.kube.config import Cluster
from kaito.kube.controller.apply import Executor
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Loop

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Key("", "one")


@dataclass
class Ringing:
    """Decides to ring twice."""

    rung: list[object] = field(default_factory=list)
    name = "ringing"
    watches = ()

    async def observe(self, reader: Reader, key: Key) -> Key | None:
        return key

    def decide(self, observed: Key, now: datetime) -> Decision:
        return Decision(effects=("first", "second"))

    async def carry_out(self, effect: object) -> None:
        self.rung.append(effect)


def client() -> Client:
    return Client(Cluster(url="http://nowhere"))


async def test_a_loop_has_its_controller_carry_out_effects_in_order() -> None:
    controller = Ringing()
    loop = Loop(controller, client(), clock=ManualClock())
    await loop.reconcile(FixedReader(), KEY)
    assert controller.rung == ["first", "second"]


async def test_an_effect_that_nobody_carries_out_is_a_programming_error() -> None:
    executor = Executor(client(), manager="silent")
    with pytest.raises(AssertionError, match="silent decides on effects"):
        await executor.apply(Decision(effects=("one",)))
