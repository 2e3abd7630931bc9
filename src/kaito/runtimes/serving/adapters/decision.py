"""What to do next so that the server serves what is wanted. Pure.

A replacement under the same name is one `Load`: the engine goes on with the version before until
the new one is in. What has failed is tried again when its moment comes, or when what is wanted
changes; meanwhile whatever was served under that name stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from kaito.runtimes.serving.adapters.version import Content, Target, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a target is not served."""

    message: str
    attempts: int = 1
    retry_at: float | None = None
    """On the monotonic clock; None: only a change helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What is wanted, and how far each is. Nothing here changes while it is decided upon."""

    targets: tuple[Target, ...] = ()
    contents: Mapping[str, Content] = field(default_factory=dict)
    """By content key and name, see `content_id`."""
    fetching: frozenset[str] = frozenset()
    """Content ids that are on their way."""
    served: Mapping[str, Version] = field(default_factory=dict)
    failures: Mapping[Target, Failure] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fetch:
    """Bring the content here and check it."""

    target: Target


@dataclass(frozen=True, slots=True)
class Load:
    """Serve this from now on, in place of what the name had."""

    target: Target
    content: Content


@dataclass(frozen=True, slots=True)
class Unload:
    """Take no new requests for the name."""

    name: str


Action: TypeAlias = Fetch | Load | Unload


def content_id(target: Target) -> str:
    """Identifies content on this machine: each name keeps its own copy."""
    return f"{target.name}/{target.content_key}"


def decide_actions(observed: Observed, now: float) -> tuple[Action, ...]:
    """In the order in which to carry them out: unloads first, for they make room."""
    wanted = {target.name for target in observed.targets}
    unloads = tuple(Unload(name) for name in sorted(observed.served) if name not in wanted)
    steps = (_decide_step(observed, target, now) for target in observed.targets)
    return unloads + tuple(step for step in steps if step is not None)


def _decide_step(observed: Observed, target: Target, now: float) -> Fetch | Load | None:
    served = observed.served.get(target.name)
    if served is not None and served.target == target:
        return None
    failure = observed.failures.get(target)
    if failure is not None and (failure.retry_at is None or failure.retry_at > now):
        return None
    content = observed.contents.get(content_id(target))
    if content is not None:
        return Load(target, content)
    return None if content_id(target) in observed.fetching else Fetch(target)
