"""Stored values in the form a client asked for: the object itself, its metadata, or a `Table`.

Values go out as the bytes they are stored as wherever that is possible; lists and watch events are
put together around them without decoding.
"""

from collections.abc import Sequence

import msgspec

from kaito.api.meta import Manifest
from kaito.local.apiserver.core import Core
from kaito.local.apiserver.negotiate import Accepted
from kaito.local.apiserver.objects import decode, in_version, metadata
from kaito.local.apiserver.rest.read import Selection
from kaito.local.apiserver.table.render import columns_of, render_rows, render_table
from kaito.local.apiserver.target import Target

_PARTIAL = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}


def one(core: Core, target: Target, value: bytes, accepted: Accepted) -> bytes:
    """One object's value in the accepted form."""
    if not accepted.form:
        return in_version(value, target.api_version)
    if accepted.form == "Table":
        return msgspec.json.encode(_table(core, target, [value], _revision(value)))
    return msgspec.json.encode(_partial(value))


def many(core: Core, target: Target, selection: Selection, accepted: Accepted) -> bytes:
    """A list in the accepted form."""
    values = [entry.value for entry in selection.entries]
    meta = _list_metadata(selection)
    if accepted.form == "Table":
        table = _table(core, target, values, str(selection.revision))
        return msgspec.json.encode({**table, "metadata": meta})
    if accepted.form:
        kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        items = b",".join(msgspec.json.encode(_partial(value)) for value in values)
    else:
        kind = target.served.list_kind or f"{target.served.kind}List"
        version = target.api_version
        items = b",".join(in_version(value, version) for value in values)
    head = {"kind": kind, "apiVersion": version, "metadata": meta}
    return msgspec.json.encode(head)[:-1] + b',"items":[' + items + b"]}"


def first_table_page(core: Core, target: Target) -> Manifest:
    """An empty table with the column definitions."""
    return render_table(columns_of(core.registry, target), [], revision="")


def table_event(core: Core, target: Target, value: bytes, *, with_columns: bool) -> bytes:
    """The table that a watch event carries; only the first repeats the columns."""
    table = _table(core, target, [value], _revision(value))
    if not with_columns:
        table["columnDefinitions"] = None
    return msgspec.json.encode(table)


def partial(value: bytes) -> bytes:
    """An object's metadata alone."""
    return msgspec.json.encode(_partial(value))


def _table(core: Core, target: Target, values: Sequence[bytes], revision: str) -> Manifest:
    columns = columns_of(core.registry, target)
    manifests = [decode(value) for value in values]
    rows = render_rows(columns, manifests, now=core.clock.now())
    return render_table(columns, rows, revision=revision)


def _partial(value: bytes) -> Manifest:
    return {**_PARTIAL, "metadata": metadata(decode(value))}


def _revision(value: bytes) -> str:
    return str(metadata(decode(value)).get("resourceVersion", ""))


def _list_metadata(selection: Selection) -> Manifest:
    meta: Manifest = {"resourceVersion": str(selection.revision)}
    if selection.continue_token:
        meta["continue"] = selection.continue_token
        if selection.remaining:
            meta["remainingItemCount"] = selection.remaining
    return meta
