"""Prompts of about so many tokens, the same for the same seed, and no two alike.

A prompt that was seen before costs a server with a prefix cache nothing, so every request of a run
gets its own, and another seed gives others. Pure.
"""

from dataclasses import dataclass
from hashlib import shake_128

_TEXT = (
    "time year people way day man thing woman life child world school state family student group "
    "country problem hand part place case week company system program question work government "
    "number night point home water room mother area money story fact month lot right study book "
    "eye job word business issue side kind head house service friend father power hour game line "
    "end member law car city name team minute idea body back parent face other level office door "
    "health person art war history party result change morning reason research girl guy moment "
    "air teacher force order music light river stone green winter summer paper table glass bread "
    "street garden window letter island bridge"
)
_WORDS = tuple(_TEXT.split())
"""Words that tokenizers have as one token each, or nearly so; a byte picks one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """The prompts of one run."""

    seed: int
    words: int
    """In each."""
    shared_words: int = 0
    """How many of them, at the beginning, all prompts have in common."""

    def make(self, label: str) -> str:
        """The prompt that belongs to a label, which is the request's place in the run."""
        shared = min(self.shared_words, self.words)
        own = self.words - shared
        words = [*_draw(f"{self.seed}", shared), *_draw(f"{self.seed}/{label}", own)]
        return " ".join(words)


def scale_words(wanted: int, *, words: int, tokens: int) -> int:
    """How many words make `wanted` tokens, when `words` of them made `tokens`."""
    return max(round(wanted * words / max(tokens, 1)), 1)


def _draw(label: str, count: int) -> list[str]:
    return [_WORDS[byte % len(_WORDS)] for byte in shake_128(label.encode()).digest(count)]
