"""The API's tables as text."""

from typing import Any

import msgspec

from kaito.api.meta import Object
from kaito.api.resources import Resource
from kaito.cli.discovery import Served
from kaito.cli.tables import Table, joined, render_table

WORKSPACES = Served(
    resource=Resource(
        group="kaito.sh", version="v1beta1", plural="workspaces", kind="Workspace", type=Object
    ),
    singular="workspace",
)


def _table(*names: str) -> Table:
    manifest: dict[str, Any] = {
        "columnDefinitions": [
            {"name": "Name", "type": "string"},
            {"name": "Nodes", "priority": 1},
            {"name": "Ready"},
        ],
        "rows": [
            {
                "cells": [name, 1, None],
                "object": {"metadata": {"name": name, "namespace": "team"}},
            }
            for name in names
        ],
    }
    return msgspec.convert(manifest, Table)


def test_columns_of_a_lower_priority_are_only_in_the_wide_form() -> None:
    assert render_table(_table("a")) == "NAME   READY\na      <none>"
    assert render_table(_table("a"), wide=True).splitlines()[0] == "NAME   NODES   READY"


def test_the_namespace_and_the_kind_are_added_where_they_are_needed() -> None:
    text = render_table(_table("a"), with_namespace=True, served=WORKSPACES)
    assert text.splitlines() == [
        "NAMESPACE   NAME                   READY",
        "team        workspace.kaito.sh/a   <none>",
    ]


def test_tables_of_single_objects_are_joined() -> None:
    assert [row.cells[0] for row in joined([_table("a"), _table("b")]).rows] == ["a", "b"]
    assert joined([]).rows == ()
