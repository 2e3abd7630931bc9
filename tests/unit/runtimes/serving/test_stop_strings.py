"""Text in pieces, cut before the first string that ends it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.runtimes.serving.stop_strings import StopText

TEXTS = st.text("ab\n", max_size=12)
STOPS = st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3)


@given(st.lists(TEXTS, max_size=6), STOPS)
def test_however_it_is_cut_into_pieces_the_same_text_comes_out(
    pieces: list[str], stops: list[str]
) -> None:
    text, cutter = "".join(pieces), StopText(stops)
    said = "".join(map(cutter.feed, pieces)) + cutter.finish()
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    first = min(ends, default=len(text))
    assert cutter.is_cut == bool(ends)
    # In pieces a short stop may be complete before a longer one that begins earlier.
    assert text.startswith(said)
    assert said == text[:first] or (ends and not any(stop in said for stop in stops))


@pytest.mark.parametrize(
    ("pieces", "stops", "told"),
    [
        (["one", " two"], [], ["one", " two"]),
        (["a\n", "\nb"], ["\n\n"], ["a", ""]),
        (["x<", "end", ">y"], ["<end>"], ["x", "", ""]),
        (["x<", "em>"], ["<end>"], ["x", "<em>"]),
    ],
)
def test_only_what_may_be_the_start_of_a_stop_is_held_back(
    pieces: list[str], stops: list[str], told: list[str]
) -> None:
    cutter = StopText(stops)
    assert [cutter.feed(piece) for piece in pieces] == told
