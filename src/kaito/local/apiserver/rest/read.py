"""Get and list: stored values, chosen by selectors, in pages that stay consistent.

A continued list goes on at the revision of its first page; where that is compacted by then, the
client gets a 410 with a token to go on from anyway, as kube-apiserver has it.
"""

import base64
from dataclasses import dataclass
from typing import Any

import msgspec

from kaito.api.selectors import matches_fields, matches_labels
from kaito.local.apiserver import errors
from kaito.local.apiserver.core import Core
from kaito.local.apiserver.fields import check_field_selector
from kaito.local.apiserver.options import ListOptions
from kaito.local.apiserver.target import Target
from kaito.local.store.errors import Compacted
from kaito.local.store.port import EVERYTHING, Entry, Page, PageRequest, StoreKey


class _Meta(msgspec.Struct, frozen=True):
    labels: dict[str, str] | None = None


class _Labelled(msgspec.Struct, frozen=True):
    """Only an object's labels: a list looks at these of every object."""

    metadata: _Meta = _Meta()


_LABELS = msgspec.json.Decoder(_Labelled)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One page of a list: values, the revision they are true at, how to go on."""

    entries: tuple[Entry, ...]
    revision: int
    continue_token: str = ""
    remaining: int | None = None


async def get_object(core: Core, target: Target) -> Entry:
    """One object; 404 where there is none."""
    entry = await core.store.get(target.key)
    if entry is None:
        raise errors.not_found(target.subject)
    return entry


async def select(core: Core, target: Target, options: ListOptions) -> Selection:
    """The objects of a list request."""
    check_field_selector(target, options)
    start = _start(core, target, options)
    wanted = start if options.is_selective else _limited(start, options.limit)
    try:
        page = await core.store.list(target.scope, wanted)
    except Compacted as error:
        raise _expired(options, error) from error
    if not options.is_selective:
        return _selection(page, page.entries, page.remaining)
    found = tuple(entry for entry in page.entries if matches(entry, options))
    kept = found[: options.limit] if options.limit else found
    left = len(found) - len(kept)
    selection = _selection(page, kept, left)
    # How many more match is not told: kube-apiserver does not know it either.
    return Selection(
        entries=kept, revision=selection.revision, continue_token=selection.continue_token
    )


def matches(entry: Entry, options: ListOptions) -> bool:
    """Whether an object satisfies the request's selectors."""
    if options.labels and not matches_labels(options.labels, labels_of(entry.value)):
        return False
    return not options.fields or matches_fields(options.fields, _fields(entry, options))


def labels_of(value: bytes) -> dict[str, str]:
    """The labels in a stored value."""
    return _LABELS.decode(value).metadata.labels or {}


def _fields(entry: Entry, options: ListOptions) -> dict[str, Any]:
    if all(path in {"metadata.name", "metadata.namespace"} for path, _, _ in options.fields):
        return {"metadata": {"name": entry.key.name, "namespace": entry.key.namespace}}
    decoded: dict[str, Any] = msgspec.json.decode(entry.value)
    return decoded


def _start(core: Core, target: Target, options: ListOptions) -> PageRequest:
    if options.continue_token:
        return _parse_token(target, options.continue_token)
    asked = int(options.resource_version or 0)
    if asked > core.store.revision:
        raise errors.StatusError(
            504,
            "Timeout",
            f"Too large resource version: {asked}, current: {core.store.revision}",
            details={"causes": [{"reason": "ResourceVersionTooLarge"}], "retryAfterSeconds": 1},
        )
    if options.match == "Exact" and asked:
        return PageRequest(at=asked)
    return EVERYTHING


def _limited(request: PageRequest, limit: int) -> PageRequest:
    return PageRequest(limit=limit, after=request.after, at=request.at)


def _selection(page: Page, entries: tuple[Entry, ...], left: int) -> Selection:
    if not left or not entries:
        return Selection(entries=entries, revision=page.revision)
    last = entries[-1].key
    return Selection(
        entries=entries,
        revision=page.revision,
        continue_token=_to_token(page.revision, last),
        remaining=left,
    )


def _to_token(revision: int, last: StoreKey) -> str:
    body = msgspec.json.encode({"rv": revision, "ns": last.namespace, "name": last.name})
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


def _parse_token(target: Target, token: str) -> PageRequest:
    try:
        body = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        last = StoreKey(target.served.resource, str(body["ns"]), str(body["name"]))
        revision = int(body["rv"])
    except (ValueError, KeyError, TypeError) as error:
        raise errors.bad_request("continue key is not valid") from error
    return PageRequest(after=last, at=revision if revision > 0 else None)


def _expired(options: ListOptions, error: Compacted) -> errors.StatusError:
    if not options.continue_token:
        return errors.expired(f"too old resource version: {error.asked} ({error.floor})")
    return errors.expired(
        "The provided continue parameter is too old to display a consistent list result. You must "
        "start a new list without the continue parameter."
    )
