"""Requests that are cancelled in a batch: what transformers 5.19 forgets about them.

Every answer that a stop string cuts and every client that leaves is a cancellation here. When the
cache is full, transformers takes no new requests until one is finished, and one that is cancelled
does not count: were all that run to be cancelled, nobody would ever be served again. And a step
that is under way on a GPU looks for the memory of a request that was cancelled meanwhile, unless it
is marked as finished; the whole batch would end of it.
"""

from typing import Any


def mind_leaving(batch: Any) -> None:
    """Let a continuous batching manager, not started yet, go on after cancellations."""
    create = batch._create_batch_processor

    def create_minding() -> Any:
        processor = create()
        _mind(processor.scheduler)
        return processor

    batch._create_batch_processor = create_minding


def _mind(scheduler: Any) -> None:
    from transformers.generation.continuous_batching.requests import RequestStatus

    clear = scheduler.clear_cancelled_requests

    def clear_and_go_on() -> Any:
        # In the generating thread, as all of the scheduler's work is.
        left = clear()
        for state in left:
            state.status = RequestStatus.FINISHED
        if left:
            scheduler.block_new_requests = False
        return left

    scheduler.clear_cancelled_requests = clear_and_go_on
