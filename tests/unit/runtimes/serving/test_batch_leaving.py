"""A batch whose requests are all cancelled while its cache was full takes new ones again."""

from types import SimpleNamespace
from typing import Any

from transformers.generation.continuous_batching.requests import RequestState, RequestStatus

from kaito.runtimes.serving.batch_leaving import mind_leaving


def make_batch(left: list[RequestState]) -> Any:
    """A manager whose scheduler is blocked, and clears `left`."""
    scheduler = SimpleNamespace(block_new_requests=True, clear_cancelled_requests=lambda: left)
    return SimpleNamespace(_create_batch_processor=lambda: SimpleNamespace(scheduler=scheduler))


def test_a_cancelled_request_lets_others_in_and_is_not_looked_for() -> None:
    state = RequestState(request_id="r", initial_tokens=[1, 2])
    mind_leaving(batch := make_batch([state]))
    scheduler = batch._create_batch_processor().scheduler
    assert scheduler.clear_cancelled_requests() == [state]
    assert not scheduler.block_new_requests
    assert state.status == RequestStatus.FINISHED


def test_while_nobody_leaves_a_full_cache_stays_closed() -> None:
    mind_leaving(batch := make_batch([]))
    scheduler = batch._create_batch_processor().scheduler
    scheduler.clear_cancelled_requests()
    assert scheduler.block_new_requests
