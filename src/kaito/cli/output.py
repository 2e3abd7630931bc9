"""Documents as JSON or YAML, and rows as columns; to standard output."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import yaml

from kaito.api.meta import Manifest

_GAP = 3
_NARROWEST = 6
"""Column gap and least width, as kubectl's."""


def print_document(document: object, form: str) -> None:
    """Print plain data, a struct or a dataclass as `json` or `yaml`."""
    print(to_text(document, form), end="")


def to_text(document: object, form: str) -> str:
    """The text of a document, ending with a line end."""
    if form == "json":
        encoded = msgspec.json.encode(document)
        return msgspec.json.format(encoded, indent=4).decode() + "\n"
    # Through JSON, so that times and structs become what an API server would have sent.
    plain = msgspec.json.decode(msgspec.json.encode(document))
    return yaml.dump(plain, Dumper=_Dumper, allow_unicode=True, width=10_000)


def without_managed_fields(manifest: Manifest) -> Manifest:
    """The object without the bookkeeping of server-side apply, as kubectl prints it."""
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return manifest
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    return {**manifest, "metadata": kept}


def print_rows(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print aligned columns under upper-case headings."""
    print(render_rows(headings, rows))


def render_rows(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned columns under upper-case headings; cells keep to one line."""
    lines = [[heading.upper() for heading in headings]]
    lines += [[cell.replace("\n", " ") for cell in row] for row in rows]
    widths = [
        max(_NARROWEST, _GAP + max(len(line[column]) for line in lines))
        for column in range(len(headings))
    ]
    return "\n".join(
        "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def note(text: str) -> None:
    """Say something that is not data."""
    print(text, file=sys.stderr)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks and quotes doubly, as kubectl does."""

    def choose_scalar_style(self) -> Any:
        """Double quotes wherever quotes are needed."""
        style = super().choose_scalar_style()
        return '"' if style == "'" else style


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
