"""Reading manifests from files, folders and standard input, each with the line it starts at.

YAML is read as Kubernetes' own tools read it: times stay text, keys are text, and a key given twice
is an error. A mistake in the text is a `KaitoError` that starts with `file:line`.
"""

import sys
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kaito.api.meta import Manifest
from kaito.base.errors import KaitoError, UsageError

_SUFFIXES = (".yaml", ".yml", ".json")
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One object of a file."""

    where: str
    """`file:line`."""
    manifest: Manifest

    @property
    def name(self) -> str:
        """Its name; empty where it has none."""
        metadata = self.manifest.get("metadata")
        return str((metadata or {}).get("name") or "") if isinstance(metadata, dict) else ""


def read_documents(names: Iterable[str], *, recursive: bool = False) -> tuple[Document, ...]:
    """Every object of the named files, in order; a name may be a folder, or `-`."""
    found = tuple(
        document
        for name in names
        for label, text in _texts(name, recursive=recursive)
        for document in parse_documents(text, label)
    )
    if not found:
        raise KaitoError(f"no objects in {', '.join(names)}", hint="is the file empty?")
    return found


def parse_documents(text: str, label: str) -> tuple[Document, ...]:
    """The objects of one text; `label` is its name in messages. Lists are opened."""
    loader = _Loader(text)
    found: list[Document] = []
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None or _is_empty(node):
                continue
            line = node.start_mark.line + 1
            found.extend(_to_objects(loader.to_data(node), f"{label}:{line}"))
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, label) from error
    except yaml.YAMLError as error:
        raise KaitoError(f"{label}: is not YAML: {error}") from error
    finally:
        loader.dispose()
    return tuple(found)


def _texts(name: str, *, recursive: bool) -> Iterator[tuple[str, str]]:
    if name == "-":
        yield "standard input", sys.stdin.read()
        return
    path = Path(name)
    if not path.exists():
        raise KaitoError(f"file {name!r} does not exist", hint="check the path given with -f")
    for file in _files(path, recursive=recursive):
        try:
            yield str(file), file.read_text()
        except UnicodeDecodeError as error:
            raise KaitoError(f"file {str(file)!r} is not text") from error


def _files(path: Path, *, recursive: bool) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = path.rglob("*") if recursive else path.iterdir()
    found = sorted(file for file in inside if file.suffix in _SUFFIXES and file.is_file())
    if not found:
        raise KaitoError(
            f"folder {str(path)!r} has no .yaml, .yml or .json files",
            hint="" if recursive else "-R looks in the folders below, too",
        )
    return found


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _to_objects(data: Any, where: str) -> Iterator[Document]:
    if not isinstance(data, dict):
        raise UsageError(f"{where}: is not an object", hint="an object starts with apiVersion:")
    for key in ("apiVersion", "kind"):
        if not isinstance(data.get(key), str) or not data[key]:
            raise UsageError(f"{where}: {key} is missing", hint=f"add a line such as {_LIKE[key]}")
    if data["kind"].endswith("List") and isinstance(data.get("items"), list):
        for item in data["items"]:
            yield from _to_objects(item, where)
        return
    yield Document(where=where, manifest=data)


_LIKE = {"apiVersion": "`apiVersion: kaito.sh/v1beta1`", "kind": "`kind: Workspace`"}


def _syntax_error(error: yaml.MarkedYAMLError, label: str) -> UsageError:
    mark = error.problem_mark or error.context_mark
    line = f":{mark.line + 1}" if mark else ""
    problem = error.problem or error.context or "cannot be read"
    return UsageError(f"{label}{line}: YAML: {problem}", hint="correct that line, or the one above")


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes' tools understand it."""

    def to_data(self, node: yaml.Node) -> Any:
        """The plain data of a node."""
        return self.construct_document(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping whose keys are text, each given once."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == _MERGE:
                continue
            name = str(getattr(key, "value", ""))
            if name in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key {name!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(name)
        mapping = super().construct_mapping(node, deep=deep)
        return {_to_key(key): value for key, value in mapping.items()}


def _to_key(key: Hashable) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _without_times(
    resolvers: dict[str, list[tuple[str, Any]]],
) -> dict[str, list[tuple[str, Any]]]:
    time = "tag:yaml.org,2002:timestamp"
    return {first: [r for r in entries if r[0] != time] for first, entries in resolvers.items()}


_Loader.yaml_implicit_resolvers = _without_times(yaml.SafeLoader.yaml_implicit_resolvers)
