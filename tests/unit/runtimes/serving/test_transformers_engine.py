"""Requests of a batch: listened to before they begin, and forgotten when they are left."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kaito.runtimes.serving import transformers_engine
from kaito.runtimes.serving.openai_body import Sampling
from kaito.runtimes.serving.transformers_engine import SAMPLING, Batch


class Manager:
    """transformers' own, as far as requests are concerned."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.added: dict[str, dict[str, Any]] = {}
        self.output_router = SimpleNamespace(result_handlers={})
        self.is_started = False

    def add_request(self, input_ids: list[int], *, request_id: str, **arguments: Any) -> str:
        self.heard.append(("add", request_id))
        self.added[request_id] = arguments
        return request_id

    def register_result_handler(self, request_id: str, callback: Callable[..., object]) -> None:
        self.heard.append(("listen", request_id))
        self.output_router.result_handlers[request_id] = callback

    def cancel_request(self, request_id: str) -> None:
        self.heard.append(("cancel", request_id))

    def start(self) -> None:
        self.is_started = True


def begin(batch: Batch, name: str, *, top_k: int = 50) -> None:
    """As transformers' handlers do."""
    SAMPLING.set(Sampling(top_k=top_k))
    assert batch.add_request([1, 2], request_id=name, streaming=True) == name
    batch.register_result_handler(name, print)


def test_a_request_that_ends_at_once_is_heard_to_the_end() -> None:
    """Else its only word is said before anybody listens, and its client waits for ever."""
    manager = Manager()
    begin(Batch(manager, vocabulary=100), "r")
    assert manager.heard == [("listen", "r"), ("add", "r")]


def test_a_request_that_is_heard_of_once_begins_when_it_is_added() -> None:
    manager = Manager()
    batch = Batch(manager, vocabulary=100)
    SAMPLING.set(Sampling())
    batch.register_result_handler("r", print)
    batch.add_request([1, 2], request_id="r", streaming=False)
    assert manager.heard == [("listen", "r"), ("add", "r")]


def test_each_request_samples_as_its_own_task_says_within_the_vocabulary() -> None:
    manager = Manager()
    batch = Batch(manager, vocabulary=100)
    begin(batch, "few", top_k=3)
    begin(batch, "many", top_k=10**9)
    assert {name: one["top_k"] for name, one in manager.added.items()} == {"few": 3, "many": 100}
    assert manager.added["few"]["streaming"] is True


def test_nobody_hears_a_request_that_was_left_and_few_of_them_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transformers_engine, "LEFT", 2)
    manager = Manager()
    batch = Batch(manager, vocabulary=100)
    for name in ("a", "b", "c"):
        begin(batch, name)
        batch.cancel_request(name)
    handlers = manager.output_router.result_handlers
    assert set(handlers) == {"b", "c"}, "what is left of the first is gone"
    assert print not in handlers.values()
    assert manager.heard[-1] == ("cancel", "c")


def test_all_else_is_the_managers() -> None:
    manager = Manager()
    Batch(manager, vocabulary=100).start()
    assert manager.is_started
