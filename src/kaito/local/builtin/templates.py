"""Pods and names made from a workload's template, the same for the same input.

A name derived from its owner's uid and a number can be created any number of times: the second
try answers 409, which the executor takes for done. So no stale cache ever makes a pod too many.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from kaito.api.core import PodTemplate
from kaito.api.meta import Manifest, Object, owner_reference

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and nothing that looks like one, so that a suffix never spells a word."""
_EMPTY: tuple[Any, ...] = (None, "", {}, [])


def safe_suffix(seed: str, length: int) -> str:
    """Letters and digits derived from `seed`, fit for names and labels."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big")
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return "".join(letters)


def template_hash(template: PodTemplate) -> str:
    """Ten letters that change when anything in the template does.

    Empty fields count as absent: typed clients drop them, so a template that `kubectl rollout undo`
    brings back would not be recognised otherwise.
    """
    known = _without_empty({"metadata": template.metadata, "spec": template.spec})
    return safe_suffix(msgspec.json.encode(known, order="deterministic").decode(), 10)


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _without_empty(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item not in _EMPTY}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def free_names(owner: Object, taken: Iterable[str]) -> Iterator[str]:
    """Pod names for an owner, in a fixed order, without those that are taken.

    A name is free again once its pod is gone, so the sequence needs no memory.
    """
    used = frozenset(taken)
    prefix = owner.metadata.name[:57]
    number = 0
    while True:
        name = f"{prefix}-{safe_suffix(f'{owner.metadata.uid}/{number}', 5)}"
        if name not in used:
            yield name
        number += 1


def render_pod(
    owner: Object, template: PodTemplate, name: str, *, labels: Mapping[str, str] | None = None
) -> Manifest:
    """The pod that the template describes, owned by `owner`, with further labels."""
    meta: Manifest = {
        "name": name,
        "namespace": owner.metadata.namespace,
        "labels": {**(template.metadata.get("labels") or {}), **(labels or {})},
        "ownerReferences": [owner_reference(owner)],
    }
    for field in ("annotations", "finalizers"):
        if template.metadata.get(field):
            meta[field] = template.metadata[field]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": dict(template.spec)}
