"""The shapes in which users of KAITO 0.12 write its other kinds, and a way to judge manifests."""

import copy
import hashlib
from pathlib import Path
from typing import Any

import yaml

from kaito.api.field_error import FieldError
from kaito.api.kinds import find_kind
from kaito.api.meta import Manifest
from kaito.api.validation import Surroundings
from kaito.app.admission import CATALOGUE

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "kinds"
SHAPES = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))
_PLACEHOLDERS = {
    "<url>": "http://workspace-phi-4-mini",
    "<sha256(modelID)[:6]>": hashlib.sha256(b"microsoft/phi-4").hexdigest()[:6],
}


def shape_text(name: str) -> str:
    """The YAML as users write it, its placeholders filled in."""
    text = (FOLDER / f"{name}.yaml").read_text()
    for placeholder, value in _PLACEHOLDERS.items():
        text = text.replace(placeholder, value)
    return text


def shape(name: str) -> Manifest:
    """The manifest."""
    manifest: Manifest = yaml.safe_load(shape_text(name))
    return manifest


def changed(manifest: Manifest, **values: Any) -> Manifest:
    """A copy with fields set, by path with `__` for the dots; None takes a field away."""
    result = copy.deepcopy(manifest)
    for path, value in values.items():
        *parents, last = path.split("__")
        target: Any = result
        for name in parents:
            target = target[int(name)] if isinstance(target, list) else target.setdefault(name, {})
        if isinstance(target, list):
            target[int(last)] = value
        elif value is None:
            target.pop(last, None)
        else:
            target[last] = value
    return result


def problems(
    new: Manifest, old: Manifest | None = None, *, around: Surroundings = CATALOGUE
) -> tuple[FieldError, ...]:
    """Everything that is wrong with a manifest, as admission says it."""
    kind = find_kind("kaito.sh", new["kind"])
    assert kind is not None
    return kind.check(new, old, around)
