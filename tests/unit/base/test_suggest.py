"""Nearest names."""

from kaito.base.suggest import did_you_mean, nearest


def test_a_typo_finds_its_word_first() -> None:
    assert nearest("smolm2", ["phi-4", "smollm2", "smollm2-135m"])[0] == "smollm2"


def test_a_word_like_no_other_suggests_nothing() -> None:
    assert did_you_mean("zzzz", ["phi-4"]) == ""
