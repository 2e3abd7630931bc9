"""The API's own tables (meta.k8s.io/v1), as kubectl prints them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from kaito.api.meta import Key, ObjectMeta, Wire
from kaito.api.resources import Resource
from kaito.cli.discovery import Served
from kaito.cli.output import render_rows
from kaito.kube.client import Client

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
"""The Accept header that asks for a table."""
_PAGE = "500"


class Column(Wire):
    """One column; those with a priority above 0 are only in the wide form."""

    name: str
    priority: int = 0


class RowObject(Wire):
    """What a row is about."""

    metadata: ObjectMeta = ObjectMeta()


class Row(Wire):
    """One object's cells."""

    cells: tuple[Any, ...]
    object: RowObject = RowObject()


class ListMeta(Wire):
    """Where a list was read at, and how to go on."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Table(Wire):
    """A list as the server prints it."""

    column_definitions: tuple[Column, ...] | None = ()
    """None where a watch has named them before."""
    rows: tuple[Row, ...] = ()
    metadata: ListMeta = ListMeta()


async def read_table(client: Client, resource: Resource[Any], key: Key) -> Table:
    """The table of one object."""
    body = await client.request("GET", resource.path(key), headers={"Accept": TABLE})
    return msgspec.json.decode(body, type=Table)


async def list_table(
    client: Client, resource: Resource[Any], namespace: str, query: dict[str, str]
) -> Table:
    """The table of a list, all its pages together."""
    pages: list[Table] = []
    going_on = {"limit": _PAGE, **query}
    while True:
        path = resource.path(namespace=namespace)
        body = await client.request("GET", path, query=going_on, headers={"Accept": TABLE})
        page = msgspec.json.decode(body, type=Table)
        pages.append(page)
        if not page.metadata.continue_:
            return joined(pages)
        going_on = {**going_on, "continue": page.metadata.continue_}


def joined(tables: Sequence[Table]) -> Table:
    """One table of the rows of several with the same columns."""
    if not tables:
        return Table()
    rows = tuple(row for table in tables for row in table.rows)
    columns = next((t.column_definitions for t in tables if t.column_definitions), ())
    return Table(column_definitions=columns, rows=rows, metadata=tables[-1].metadata)


def render_table(
    table: Table, *, wide: bool = False, with_namespace: bool = False, served: Served | None = None
) -> str:
    """Aligned columns; with `served`, names carry their kind in front, as for several kinds."""
    headings, rows = to_cells(table, wide=wide, with_namespace=with_namespace, served=served)
    return render_rows(headings, rows)


def to_cells(
    table: Table, *, wide: bool = False, with_namespace: bool = False, served: Served | None = None
) -> tuple[list[str], list[list[str]]]:
    """Headings, and the text of each cell that is shown, in one line."""
    shown = [
        (index, column)
        for index, column in enumerate(table.column_definitions or ())
        if wide or column.priority == 0
    ]
    headings = [column.name for _, column in shown]
    rows = [[_to_text(row.cells[index]) for index, _ in shown] for row in table.rows]
    if served is not None:
        rows = [[served.label(row[0]), *row[1:]] for row in rows]
    if with_namespace:
        headings = ["namespace", *headings]
        names = [row.object.metadata.namespace for row in table.rows]
        rows = [[name, *row] for name, row in zip(names, rows, strict=True)]
    return headings, rows


def _to_text(cell: Any) -> str:
    if cell is None:
        return "<none>"
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell).replace("\n", " ")
