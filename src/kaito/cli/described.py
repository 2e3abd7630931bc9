"""One object in full, as kubectl describes kinds that it knows nothing particular about. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from kaito.api.core import Event
from kaito.api.meta import Manifest
from kaito.base.clock import format_age

_HIDDEN = frozenset({"managedFields", "annotations", "labels", "name", "namespace"})
_SHORT = {"Api": "API", "Uid": "UID", "Ip": "IP", "I Ps": "IPs", "Id": "ID", "Url": "URL"}
_TAB = 2


def render_description(manifest: Manifest, events: Iterable[Event], now: datetime) -> str:
    """The object, field by field, and what happened to it."""
    metadata = manifest.get("metadata") or {}
    lines = [("Name", metadata.get("name", ""))]
    lines += [("Namespace", metadata["namespace"])] if metadata.get("namespace") else []
    text = [f"{title + ':':<14}{value}" for title, value in lines]
    text += _pairs("Labels", metadata.get("labels"), "=")
    text += _pairs("Annotations", metadata.get("annotations"), ": ")
    rest = {**manifest, "metadata": {k: v for k, v in metadata.items() if k not in _HIDDEN}}
    text += _fields(rest, 0)
    text += _events(tuple(events), now)
    return "\n".join(text)


def _pairs(title: str, pairs: Any, joint: str) -> list[str]:
    entries = [f"{key}{joint}{value}" for key, value in sorted((pairs or {}).items())] or ["<none>"]
    return [f"{title + ':' if at == 0 else '':<14}{entry}" for at, entry in enumerate(entries)]


def _fields(value: Manifest, depth: int) -> list[str]:
    pad = " " * depth * _TAB
    scalars = [_title(k) for k, v in value.items() if not isinstance(v, dict | list)]
    width = max(map(len, scalars), default=0) + 3
    text: list[str] = []
    for key, item in sorted(value.items()):
        title = f"{_title(key)}:"
        if isinstance(item, dict):
            text += [pad + title, *_fields(item, depth + 1)] if item else []
        elif isinstance(item, list):
            text += [pad + title, *_items(item, depth + 1)] if item else []
        else:
            text.append(f"{pad}{title:<{width}}{_scalar(item, pad)}")
    return text


def _items(items: list[Any], depth: int) -> list[str]:
    pad = " " * depth * _TAB
    text: list[str] = []
    for item in items:
        text += _fields(item, depth) if isinstance(item, dict) else [f"{pad}{_scalar(item, pad)}"]
    return text


def _scalar(value: Any, pad: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).rstrip("\n").replace("\n", f"\n{pad}  ")


def _title(key: str) -> str:
    """`labelSelector` as `Label Selector`."""
    spaced = "".join(f" {c}" if c.isupper() else c for c in key).strip()
    words = spaced[:1].upper() + spaced[1:]
    for plain, short in _SHORT.items():
        words = " ".join(short if word == plain else word for word in words.split(" "))
    return words


def _events(events: tuple[Event, ...], now: datetime) -> list[str]:
    if not events:
        return [f"{'Events:':<14}<none>"]
    rows = [
        (event.type, event.reason, _age(event, now), event.message.replace("\n", " "))
        for event in sorted(events, key=_last_seen)
    ]
    widths = [max(len(row[at]) for row in (*rows, _HEADINGS)) + 2 for at in range(3)]
    return [
        "Events:",
        *(
            "  "
            + "".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False))
            + row[3]
            for row in (_HEADINGS, tuple("-" * len(h) for h in _HEADINGS), *rows)
        ),
    ]


_HEADINGS = ("Type", "Reason", "Age", "Message")


def _last_seen(event: Event) -> tuple[str, int]:
    # Times are whole seconds: what happened within one is told apart by its revision.
    seen = event.last_timestamp or event.first_timestamp
    revision = event.metadata.resource_version
    return seen.isoformat() if seen else "", int(revision) if revision.isdigit() else 0


def _age(event: Event, now: datetime) -> str:
    seen = event.last_timestamp or event.first_timestamp or event.metadata.creation_timestamp
    age = format_age((now - seen).total_seconds()) if seen else "<unknown>"
    return f"{age} (x{event.count})" if event.count > 1 else age
