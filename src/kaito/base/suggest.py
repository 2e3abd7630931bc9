"""The nearest known names to a mistyped one."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """Up to `most` of `known`, best first, that look like `word`; empty when none does."""
    return tuple(difflib.get_close_matches(word.lower(), list(known), n=most, cutoff=0.5))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence such as `did you mean a, b?`, or an empty string."""
    names = nearest(word, known)
    return f"did you mean {', '.join(names)}?" if names else ""
