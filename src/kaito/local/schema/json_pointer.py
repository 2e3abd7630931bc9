"""JSON pointers (RFC 6901) into JSON values: look up, add, remove and replace without mutation."""

import re
from collections.abc import Callable

from kaito.local.schema.patch_errors import PatchConflict, PatchError
from kaito.local.schema.structure import Json

Pointer = tuple[str, ...]

_INDEX = re.compile(r"(0|[1-9][0-9]*)\Z")
_BAD_ESCAPE = re.compile(r"~(?![01])")


def parse_pointer(text: str) -> Pointer:
    """The steps of a pointer; the empty pointer is the whole document."""
    if text and not text.startswith("/"):
        raise PatchError(f"JSON pointer {text!r} does not begin with /")
    if _BAD_ESCAPE.search(text):
        raise PatchError(f"JSON pointer {text!r} has a ~ that neither 0 nor 1 follows")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def value_at(document: Json, pointer: Pointer) -> Json:
    """The value that the pointer names."""
    for step in pointer:
        document = _member(document, step)
    return document


def add_at(document: Json, pointer: Pointer, value: Json) -> Json:
    """The document with the value set as a member, or inserted before an index, or at `-`."""

    def change(parent: Json, step: str) -> None:
        if isinstance(parent, list):
            parent.insert(len(parent) if step == "-" else _index(parent, step, slack=1), value)
        else:
            parent[step] = value

    return _changed(document, pointer, change) if pointer else value


def remove_at(document: Json, pointer: Pointer) -> Json:
    """The document without the value that the pointer names."""

    def change(parent: Json, step: str) -> None:
        _member(parent, step)
        del parent[_index(parent, step) if isinstance(parent, list) else step]

    return _changed(document, pointer, change) if pointer else None


def replace_at(document: Json, pointer: Pointer, value: Json) -> Json:
    """The document with another value where there is one already."""

    def change(parent: Json, step: str) -> None:
        _member(parent, step)
        parent[_index(parent, step) if isinstance(parent, list) else step] = value

    return _changed(document, pointer, change) if pointer else value


def _changed(document: Json, pointer: Pointer, change: Callable[[Json, str], None]) -> Json:
    """A copy of the containers down to the pointer's parent, with `change` made to that."""
    if not isinstance(document, (dict, list)):
        raise PatchConflict(f"doc is missing path: {'/'.join(('', *pointer))}: not a container")
    result: Json = document.copy()
    step, rest = pointer[0], pointer[1:]
    if not rest:
        change(result, step)
    else:
        inner = _changed(_member(result, step), rest, change)
        result[_index(result, step) if isinstance(result, list) else step] = inner
    return result


def _member(container: Json, step: str) -> Json:
    if isinstance(container, list):
        return container[_index(container, step)]
    if isinstance(container, dict) and step in container:
        return container[step]
    raise PatchConflict(f"doc is missing key: {step}: missing value")


def _index(items: list[Json], step: str, *, slack: int = 0) -> int:
    if not _INDEX.match(step):
        raise PatchConflict(f"{step!r} is not an index of a list")
    if int(step) >= len(items) + slack:
        raise PatchConflict(f"index {step} is out of bounds of a list of {len(items)}")
    return int(step)
