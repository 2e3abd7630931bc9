"""One adapter as values: where it comes from, its content on disk, and what an engine serves of it.

The text that identifies each is derived, so that a restarted server finds again what it fetched.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from kaito.api.adapters import AdapterWish


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is wanted under one model name."""

    name: str
    source: str
    """As `kaito.api.weight_source` spells it."""
    fingerprint: str = ""
    """Of a folder's files: it changes when somebody writes them. Empty for other sources."""
    strength: float = 1.0

    @property
    def content_key(self) -> str:
        """Names the content's folder; equal sources with equal fingerprints share it."""
        text = f"{self.source}\n{self.fingerprint}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A fetched and checked adapter."""

    folder: Path
    digest: str
    """sha256 of what the source sent, `sha256:HEX`."""
    rank: int
    warnings: tuple[str, ...] = ()
    """What goes on but looks wrong, one line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What an engine loads under a name."""

    target: Target
    content: Content
    folder: Path
    """The content's own, or one derived from it for a strength other than 1."""

    @property
    def name(self) -> str:
        """The model name that requests give."""
        return self.target.name


def to_target(wish: AdapterWish, fingerprint: str = "") -> Target:
    """The wish, with what its folder looks like now."""
    return Target(
        name=wish.name, source=wish.source, fingerprint=fingerprint, strength=wish.strength
    )
