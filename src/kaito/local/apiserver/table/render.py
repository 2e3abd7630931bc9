"""`Table` objects (meta.k8s.io/v1): columns, and a row an object."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaito.api.meta import Manifest
from kaito.base.clock import format_age, parse_rfc3339
from kaito.local.apiserver.objects import metadata
from kaito.local.apiserver.registry import Column, Registry
from kaito.local.apiserver.table.jsonpath import find_text
from kaito.local.apiserver.target import Target

Cell = str | int | bool | float | None


@dataclass(frozen=True, slots=True)
class Printed:
    """One column: its definition, and how to read its cell from an object at a time."""

    name: str
    cell: Callable[[Manifest, datetime], Cell]
    type: str = "string"
    priority: int = 0
    format: str = ""
    description: str = ""

    def definition(self) -> Manifest:
        """The `TableColumnDefinition`."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


def columns_of(registry: Registry, target: Target) -> tuple[Printed, ...]:
    """The columns of a resource in a version."""
    del registry
    served = target.served
    if served.is_custom:
        declared = served.at(target.version).columns
        named = tuple(_declared(column) for column in declared)
        return (NAME, *(named or (AGE,)))
    from kaito.local.apiserver.table.columns import builtin_columns

    return builtin_columns(served.resource)


def render_rows(
    columns: Sequence[Printed], manifests: Sequence[Manifest], *, now: datetime
) -> list[Manifest]:
    """A row for each object; it carries the object's metadata, as kubectl needs for -A and -w."""
    return [
        {
            "cells": [column.cell(manifest, now) for column in columns],
            "object": {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata(manifest),
            },
        }
        for manifest in manifests
    ]


def render_table(
    columns: Sequence[Printed], rows: Sequence[Manifest], *, revision: str
) -> Manifest:
    """The table."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": revision},
        "columnDefinitions": [column.definition() for column in columns],
        "rows": list(rows),
    }


def age_of(timestamp: Any, now: datetime) -> str:
    """How long ago a timestamp is, as kubectl prints it; `<unknown>` where it is none."""
    if not timestamp:
        return "<unknown>"
    try:
        return format_age((now - parse_rfc3339(str(timestamp))).total_seconds())
    except ValueError:
        return "<invalid>"


def _name(manifest: Manifest, now: datetime) -> Cell:
    del now
    return str(metadata(manifest).get("name", ""))


def _age(manifest: Manifest, now: datetime) -> Cell:
    return age_of(metadata(manifest).get("creationTimestamp"), now)


NAME = Printed("Name", _name, format="name", description="Name of the object")
AGE = Printed("Age", _age, description="Time since the object was created")


def _declared(column: Column) -> Printed:
    def cell(manifest: Manifest, now: datetime) -> Cell:
        text = find_text(column.json_path, manifest)
        if column.type == "date":
            return age_of(text, now) if text else "<unknown>"
        if column.type == "integer" and text.lstrip("-").isdigit():
            return int(text)
        return text

    return Printed(
        column.name,
        cell,
        type="string" if column.type == "date" else column.type,
        priority=column.priority,
        format=column.format,
        description=column.description,
    )
