"""The shipped schema definitions of Kubernetes' own kinds, read from `builtin.json` on first use.

The file (written by `tools/gen_builtin_schemas.py`) maps definition names such as
`io.k8s.api.core.v1.PodSpec` to OpenAPI v3 schemas. It is kept as undecoded JSON: only definitions
that somebody asks for are ever turned into objects.
"""

from collections.abc import Iterator
from functools import cache
from importlib import resources

import msgspec

from kaito.api.meta import Manifest

REF_PREFIX = "#/components/schemas/"
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


class _DataFile(msgspec.Struct, frozen=True):
    definitions: dict[str, msgspec.Raw]
    kinds: dict[str, str]


@cache
def _data_file() -> _DataFile:
    content = resources.files("kaito.local.schema").joinpath("builtin.json").read_bytes()
    return msgspec.json.decode(content, type=_DataFile)


def definition_names() -> tuple[str, ...]:
    """The names of all definitions, sorted."""
    return tuple(sorted(_data_file().definitions))


def load_definition(name: str) -> Manifest:
    """One definition as a fresh OpenAPI v3 schema; `KeyError` when there is none of that name."""
    document: Manifest = msgspec.json.decode(_data_file().definitions[name])
    return document


def kind_names() -> dict[tuple[str, str, str], str]:
    """The definition name of each built-in (group, version, kind); the core group is empty."""
    return {_parse_kind(kind): name for kind, name in _data_file().kinds.items()}


def referenced_names(document: object) -> Iterator[str]:
    """The definitions that a schema refers to directly, in document order, with repetitions."""
    if isinstance(document, dict):
        ref = document.get("$ref")
        if isinstance(ref, str):
            yield ref.removeprefix(REF_PREFIX)
        for value in document.values():
            yield from referenced_names(value)
    elif isinstance(document, list):
        for value in document:
            yield from referenced_names(value)


def _parse_kind(text: str) -> tuple[str, str, str]:
    group, version, kind = text.split("/")
    return group, version, kind
