"""What a check says: one line, and the command that mends it.

ok        it is as it should be
warning   it works, but somebody should know
missing   without it a Workspace does not run: this blocks
unknown   it could not be looked at, and `what` says why; this does not block
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "missing", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report."""

    check: str
    """What was looked at, in a word or two."""
    state: State
    what: str
    next: str = ""
    """A command, or one sentence where there is no command; empty where nothing is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Findings about one thing: this machine, a cluster, a Workspace."""

    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Unseen:
    """In the place of a fact that could not be had, and why."""

    why: str


def ok(check: str, what: str) -> Finding:
    """It is as it should be."""
    return Finding(check=check, state="ok", what=what)


def warning(check: str, what: str, next_: str = "") -> Finding:
    """It works, but somebody should know."""
    return Finding(check=check, state="warning", what=what, next=next_)


def missing(check: str, what: str, next_: str = "") -> Finding:
    """It blocks."""
    return Finding(check=check, state="missing", what=what, next=next_)


def unknown(check: str, what: str, next_: str = "") -> Finding:
    """It could not be looked at."""
    return Finding(check=check, state="unknown", what=what, next=next_)


def blocking(sections: Iterable[Section]) -> tuple[Finding, ...]:
    """The findings that keep a Workspace from running."""
    return tuple(f for section in sections for f in section.findings if f.state == "missing")
