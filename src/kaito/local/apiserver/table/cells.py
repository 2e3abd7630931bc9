"""Reading cells: small functions that columns are made of."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kaito.api.meta import Manifest
from kaito.api.selectors import LabelSelector
from kaito.local.apiserver.table.render import Cell, Printed, age_of

NONE = "<none>"
UNKNOWN = "<unknown>"


def at(manifest: Any, *path: str) -> Any:
    """The value at a path of fields; None where there is none."""
    for part in path:
        manifest = manifest.get(part) if isinstance(manifest, dict) else None
    return manifest


def text(name: str, *path: str, missing: str = NONE, wide: bool = False) -> Printed:
    """A column that shows one field as it is."""
    return computed(name, lambda manifest: str(_or(at(manifest, *path), missing)), wide=wide)


def number(name: str, *path: str, wide: bool = False) -> Printed:
    """A column that shows a whole number, 0 where it is missing."""
    return computed(name, lambda m: int(at(m, *path) or 0), shown_as="integer", wide=wide)


def age(name: str, *path: str) -> Printed:
    """A column that shows how long ago a time is."""
    return Printed(name, lambda manifest, now: age_of(at(manifest, *path), now))


def computed(
    name: str,
    cell: Callable[[Manifest], Cell],
    *,
    shown_as: str = "string",
    wide: bool = False,
) -> Printed:
    """A column of a function of the object."""
    return Printed(name, lambda manifest, _: cell(manifest), type=shown_as, priority=int(wide))


def timed(
    name: str,
    cell: Callable[[Manifest, datetime], Cell],
    *,
    shown_as: str = "string",
) -> Printed:
    """A column of a function of the object and the time."""
    return Printed(name, cell, type=shown_as)


def containers(*path: str) -> tuple[Printed, ...]:
    """The wide columns of a workload: its containers, their images, its selector."""

    def listed(field: str) -> Callable[[Manifest], Cell]:
        return lambda m: ",".join(str(c.get(field, "")) for c in at(m, *path, "containers") or ())

    return (
        computed("Containers", listed("name"), wide=True),
        computed("Images", listed("image"), wide=True),
    )


def selector_text(selector: Manifest | None) -> str:
    """A label selector as kubectl prints it."""
    import msgspec

    if not selector:
        return NONE
    terms = []
    for term in msgspec.convert(selector, LabelSelector).terms:
        values = sorted(term.values)
        match term.operator:
            case "Exists":
                terms.append(term.key)
            case "DoesNotExist":
                terms.append(f"!{term.key}")
            case "In" if len(values) == 1:
                terms.append(f"{term.key}={values[0]}")
            case operator:
                terms.append(f"{term.key} {operator.lower()} ({','.join(values)})")
    return ",".join(terms) or NONE


def _or(value: Any, missing: str) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return missing if value is None or value == "" else value
