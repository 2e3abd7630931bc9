"""The order of samples: all of them, each epoch another, the same at every attempt."""

from hypothesis import given
from hypothesis import strategies as st

from kaito.runtimes.tuning.order import EpochOrder, order_epoch

LENGTHS = st.lists(st.integers(1, 500), min_size=1, max_size=300)


@given(lengths=LENGTHS, batch=st.integers(1, 9), epoch=st.integers(0, 3))
def test_every_sample_is_seen_once_an_epoch(lengths: list[int], batch: int, epoch: int) -> None:
    order = EpochOrder(lengths, batch=batch, seed=1)
    order.set_epoch(epoch)

    assert sorted(order) == list(range(len(lengths)))
    assert list(order) == list(order)


@given(lengths=st.lists(st.integers(1, 500), min_size=8, max_size=300))
def test_the_longest_sample_comes_first(lengths: list[int]) -> None:
    order = order_epoch(lengths, batch=4, seed="1:0")

    assert max(lengths[index] for index in order[:4]) == max(lengths)


def test_epochs_differ_and_batches_are_of_like_lengths() -> None:
    lengths = [index % 100 + 1 for index in range(800)]
    order = EpochOrder(lengths, batch=8, seed=1)
    first = list(order)
    order.set_epoch(1)
    padded = sum(8 * max(lengths[i] for i in first[at : at + 8]) for at in range(0, 800, 8))

    assert list(order) != first
    assert padded < 1.2 * sum(lengths)


def test_without_shuffling_the_order_is_the_datas() -> None:
    assert list(EpochOrder([3, 1, 2], batch=2, seed=1, shuffles=False)) == [0, 1, 2]
