"""Spans against a set of the bytes themselves."""

from hypothesis import given
from hypothesis import strategies as st

from kaito.registry.spans import Spans

SIZE = 24
PAIRS = st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=12)


@given(pairs=PAIRS, longest=st.integers(1, 7))
def test_spans_and_gaps_are_the_bytes_and_their_complement(
    pairs: list[tuple[int, int]], longest: int
) -> None:
    spans, there = Spans(), set[int]()
    for start, end in pairs:
        spans.add(start, end)
        there |= set(range(start, end))
    gaps = spans.gaps(SIZE, longest=longest)
    missing = [at for start, end in gaps for at in range(start, end)]
    assert spans.size == len(there)
    assert missing == sorted(set(range(SIZE)) - there)
    assert all(0 < end - start <= longest for start, end in gaps)


@given(pairs=PAIRS, start=st.integers(0, SIZE))
def test_the_reach_ends_before_the_first_byte_that_is_missing(
    pairs: list[tuple[int, int]], start: int
) -> None:
    spans, there = Spans(), set[int]()
    for first, end in pairs:
        spans.add(first, end)
        there |= set(range(first, end))
    expected = start
    while expected in there:
        expected += 1
    assert spans.reach(start) == expected
