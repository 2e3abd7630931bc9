"""Watch: what a client sees of an object's changes through its selectors.

`events` turns store changes into watch events: an object that begins or ceases to match appears as
added or deleted. Streaming them to a connection, bookmarks and time-outs are `watching`'s.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from kaito.local.apiserver.options import ListOptions
from kaito.local.apiserver.rest.read import matches
from kaito.local.store.port import Change, Entry

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event. A deleted object comes as its last state, at the revision of its end."""

    type: EventType
    entry: Entry


def events(changes: Iterable[Change], options: ListOptions) -> Iterator[WatchEvent]:
    """The events that the changes are for this watch, in order."""
    for change in changes:
        event = to_event(change, options)
        if event is not None:
            yield event


def to_event(change: Change, options: ListOptions) -> WatchEvent | None:
    """The event that one change is for this watch, or None."""
    if not options.is_selective:
        return WatchEvent(change.type, change.entry)
    before = change.previous is not None and matches(change.previous, options)
    after = change.type != "DELETED" and matches(change.entry, options)
    if after:
        return WatchEvent("MODIFIED" if before else "ADDED", change.entry)
    return WatchEvent("DELETED", change.entry) if before else None
