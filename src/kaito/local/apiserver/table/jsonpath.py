"""The JSONPath that printer columns use: fields, indices, wildcards and equality filters.

`.a.b`, `.a['b.c']`, `.a[0]`, `.a[*].b`, `.a[?(@.type=="Ready")].b`. Several values are joined with
commas, as kubectl does; a path that finds nothing is the empty string.
https://kubernetes.io/docs/reference/kubectl/jsonpath/
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

_STEP = re.compile(
    r"""\.(?P<field>(?:\\.|[^.\[\]\\])+)
    |\[(?P<quote>['"])(?P<quoted>.*?)(?P=quote)\]
    |\[(?P<index>-?\d+)\]
    |\[(?P<all>\*)\]
    |\[\?\(\s*@(?P<path>(?:\.[\w\\./-]+)+)\s*(?P<operator>==|!=)\s*(?P<literal>.+?)\s*\)\]""",
    re.VERBOSE,
)


class Step(NamedTuple):
    """One step of a path; `kind` is field, index, all or filter."""

    kind: str
    name: str = ""
    position: int = 0
    operator: str = ""
    literal: str = ""


@lru_cache(maxsize=256)
def parse(path: str) -> tuple[Step, ...]:
    """The steps of a path; `ValueError` says where it goes beyond what is understood here."""
    text = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    text = text if text.startswith((".", "[")) else f".{text}"
    steps, start = [], 0
    while start < len(text):
        match = _STEP.match(text, start)
        if match is None:
            raise ValueError(f"JSONPath {path!r} is not understood from {text[start:]!r} on")
        steps.append(_to_step(match))
        start = match.end()
    return tuple(steps)


def find(path: str, document: Any) -> list[Any]:
    """Every value that a path leads to."""
    values = [document]
    for step in parse(path):
        values = [found for value in values for found in _advance(step, value)]
    return values


def find_text(path: str, document: Any) -> str:
    """The values joined with commas; empty where there is none or the path is not understood."""
    try:
        return ",".join(_to_text(value) for value in find(path, document))
    except ValueError:
        return ""


def _to_step(match: re.Match[str]) -> Step:
    if match["field"] is not None:
        field = re.sub(r"\\(.)", r"\1", match["field"])
        return Step("all") if field == "*" else Step("field", field)
    if match["quoted"] is not None:
        return Step("field", match["quoted"])
    if match["index"] is not None:
        return Step("index", position=int(match["index"]))
    if match["all"]:
        return Step("all")
    literal = match["literal"].strip("'\"")
    return Step("filter", match["path"], operator=match["operator"], literal=literal)


def _advance(step: Step, value: Any) -> list[Any]:
    if step.kind == "field":
        return [value[step.name]] if isinstance(value, dict) and step.name in value else []
    if step.kind == "all":
        return list(value.values() if isinstance(value, dict) else value) if _many(value) else []
    if not isinstance(value, list):
        return []
    if step.kind == "index":
        return value[step.position : step.position + 1 or None]
    return [item for item in value if _passes(step, item)]


def _many(value: Any) -> bool:
    return isinstance(value, dict | list)


def _passes(step: Step, item: Any) -> bool:
    texts = [_to_text(value) for value in find(step.name, item)]
    return (step.literal in texts) is (step.operator == "==")


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, dict | list):
        import json

        return json.dumps(value, separators=(",", ":"))
    return str(value)
