"""A CRD's CEL rules, run by an independent CEL implementation over the CRD as it is shipped.

What an API server does with `x-kubernetes-validations`, and no more: each rule at each object that
its schema describes, transition rules only where the object was there before and never inside a
list. With `ratcheting` (on by default from Kubernetes 1.30) objects that did not change are left
alone.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import celpy
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError

Json = Any


def broken_rules(
    schema: Json, new: Json, old: Json = None, *, ratcheting: bool = True
) -> tuple[tuple[str, str], ...]:
    """`(path, message)` of every rule that does not hold, sorted."""
    return tuple(sorted(_walk(schema, "", new, old, ratcheting)))


def _walk(
    schema: Json, path: str, new: Json, old: Json, ratcheting: bool
) -> Iterator[tuple[str, str]]:
    if ratcheting and old is not None and new == old:
        return
    for rule in schema.get("x-kubernetes-validations", ()):
        applies = old is not None or "oldSelf" not in rule["rule"]
        if applies and not _holds(rule["rule"], new, old):
            yield path + rule.get("fieldPath", ""), rule["message"]
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        for name, child in schema.get("properties", {}).items():
            if new.get(name) is not None:
                yield from _walk(child, f"{path}.{name}", new[name], before.get(name), ratcheting)
    if isinstance(new, list) and "items" in schema:
        # The items of an atomic list have no counterpart in the old one.
        for index, item in enumerate(new):
            yield from _walk(schema["items"], f"{path}[{index}]", item, None, ratcheting)


def _holds(source: str, new: Json, old: Json) -> bool:
    variables = {"self": json_to_cel(new)}
    if "oldSelf" in source:
        variables["oldSelf"] = json_to_cel(old)
    try:
        return bool(_program(source).evaluate(variables))
    except CELEvalError:
        # An API server counts an error as a rule that does not hold.
        return False


@cache
def _program(source: str) -> celpy.Runner:
    return _ENVIRONMENT.program(_ENVIRONMENT.compile(source))


# Made at import: it raises the recursion limit, which may not happen in the middle of a test.
_ENVIRONMENT = celpy.Environment()
