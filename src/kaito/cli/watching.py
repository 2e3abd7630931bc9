"""`kaito get -w`: the list, then a line for each change until somebody ends it, as kubectl does.

A watch that the server ends is begun again where it stopped; where that is too long ago, the list
is read anew and printed again.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from kaito.api.meta import Manifest, Wire
from kaito.api.resources import Resource
from kaito.cli.discovery import Served
from kaito.cli.documents import without_managed_fields
from kaito.cli.output import print_document, render_line, widths_of
from kaito.cli.streams import lines_of
from kaito.cli.tables import TABLE, Table, list_table, to_cells
from kaito.kube.client import Client
from kaito.kube.errors import ApiError, Gone

_SECONDS = "300"
"""How long one watch lasts before it is begun again."""
_GONE = 410

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What is followed, and how it is shown."""

    served: Served
    namespace: str
    """Empty for all of them."""
    query: Mapping[str, str]
    output: str

    @property
    def resource(self) -> Resource[Any]:
        """Of its objects."""
        return self.served.resource


class _Failure(Wire):
    """A Status, as far as it is told."""

    code: int = 0
    message: str = ""


class _Event(Wire):
    """One event, its object not read yet."""

    type: str
    object: msgspec.Raw


class _ObjectMeta(Wire):
    resource_version: str = ""


class _Marked(Wire):
    """Whatever has a revision."""

    metadata: _ObjectMeta = _ObjectMeta()


async def follow(client: Client, followed: Followed) -> None:
    """Print until cancelled, or refused."""
    if followed.output in ("json", "yaml", "name"):
        await _follow_objects(client, followed)
    else:
        await _follow_tables(client, followed)


async def _follow_tables(client: Client, followed: Followed) -> None:
    sheet = _Sheet(followed)
    while True:
        table = await list_table(
            client, followed.resource, followed.namespace, dict(followed.query)
        )
        sheet.print(table)
        revision = table.metadata.resource_version
        columns = table.column_definitions
        try:
            async for found in _changes(client, followed, revision, Table):
                # Only the first table of a watch names its columns.
                columns = found.column_definitions or columns
                sheet.print(msgspec.structs.replace(found, column_definitions=columns))
        except Gone:
            continue


async def _follow_objects(client: Client, followed: Followed) -> None:
    while True:
        path = followed.resource.path(namespace=followed.namespace)
        body = await client.request("GET", path, query=followed.query)
        listing: Manifest = msgspec.json.decode(body)
        for item in listing.get("items") or ():
            _print_object(followed, item)
        revision = str((listing.get("metadata") or {}).get("resourceVersion", ""))
        try:
            async for found in _changes(client, followed, revision, dict[str, Any]):
                _print_object(followed, found)
        except Gone:
            continue


def _print_object(followed: Followed, item: Manifest) -> None:
    if followed.output == "name":
        print(followed.served.label(item["metadata"]["name"]), flush=True)
        return
    # Items of a list carry no type of their own; alone they need it.
    resource = followed.resource
    whole = {"apiVersion": resource.api_version, "kind": resource.kind, **item}
    if followed.output == "yaml":
        print("---")
    print_document(without_managed_fields(whole), followed.output)


async def _changes(
    client: Client, followed: Followed, revision: str, type_: type[T]
) -> AsyncIterator[T]:
    """What changes after `revision`, in one watch after another; `Gone` when it is too old."""
    headers = {"Accept": TABLE} if type_ is Table else {}
    while True:
        query = {
            **followed.query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": _SECONDS,
            "resourceVersion": revision,
        }
        path = followed.resource.path(namespace=followed.namespace)
        async with client.open("GET", path, query=query, headers=headers) as response:
            async for line in lines_of(response):
                event = msgspec.json.decode(line, type=_Event)
                if event.type == "ERROR":
                    raise _failure(event)
                found = msgspec.json.decode(event.object, type=type_)
                revision = _revision(event) or revision
                if event.type != "BOOKMARK":
                    yield found


def _revision(event: _Event) -> str:
    """Of the object, or of the row that stands for it."""
    own = msgspec.json.decode(event.object, type=_Marked).metadata.resource_version
    if own:
        return own
    rows = msgspec.json.decode(event.object, type=Table).rows
    return rows[-1].object.metadata.resource_version if rows else ""


def _failure(event: _Event) -> ApiError:
    status = msgspec.json.decode(event.object, type=_Failure)
    kind = Gone if status.code == _GONE else ApiError
    return kind(status.message or "the watch has failed", status=status.code)


class _Sheet:
    """Lines under one heading, whose columns only ever become wider."""

    def __init__(self, followed: Followed) -> None:
        self._wide = followed.output == "wide"
        self._with_namespace = not followed.namespace and followed.resource.namespaced
        self._widths: tuple[int, ...] = ()

    def print(self, table: Table) -> None:
        """Print the table's rows; the heading with the first ones."""
        if not table.rows:
            return
        headings, rows = to_cells(table, wide=self._wide, with_namespace=self._with_namespace)
        lines = rows if self._widths else [[heading.upper() for heading in headings], *rows]
        needed = widths_of(lines)
        before = self._widths or needed
        self._widths = tuple(max(pair) for pair in zip(before, needed, strict=True))
        for line in lines:
            print(render_line(line, self._widths), flush=True)
