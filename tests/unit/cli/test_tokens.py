"""Numbers of tokens as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.base.errors import UsageError
from kaito.cli.tokens import format_tokens, parse_tokens


@pytest.mark.parametrize(
    ("text", "tokens"), [("1", 1), ("4096", 4096), ("32k", 32768), ("128K", 131072), ("1m", 2**20)]
)
def test_k_and_m_count_by_1024(text: str, tokens: int) -> None:
    assert parse_tokens(text, "--context") == tokens


@pytest.mark.parametrize("text", ["0", "-1", "0k", "k", "32kb", "1.5k", "3 2", "٣٢", "9" * 20])
def test_what_is_no_number_of_tokens_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--context '.*' is not a number of tokens$") as raised:
        parse_tokens(text, "--context")
    assert "32k" in raised.value.hint


@given(st.integers(1, 2**39))
def test_what_is_shown_can_be_typed(tokens: int) -> None:
    assert parse_tokens(format_tokens(tokens).replace(",", ""), "--context") == tokens
