"""Patterns written for RE2 mean the same here."""

import pytest

from kaito.local.schema.patterns import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("^a+$", "aaa", True),
        ("^a+$", "aaa\n", False),
        (r"^a\z", "a", True),
        ("^[[:alpha:]]+$", "abC", True),
        ("^[[:alpha:]]+$", "ab1", False),
        ("^[[:digit:]a-c]+$", "1b", True),
        ("^[]a]+$", "]a", True),
        ("^[[]$", "[", True),
        (r"^[$]\$$", "$$", True),
        ("(?m)^b$", "a\nb\nc", True),
        (r"^\d$", "٣", False),
        ("b", "abc", True),
    ],
)
def test_pattern_matches_as_in_go(pattern: str, text: str, matches: bool) -> None:
    assert bool(compile_pattern(pattern).search(text)) is matches
