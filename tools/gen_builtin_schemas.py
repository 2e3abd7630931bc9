"""Generate src/kaito/local/schema/builtin.json: the OpenAPI schemas of Kubernetes' built-in kinds.

Field names, types and requiredness come from the model classes of the `kubernetes` client package;
what those leave out from `builtin_schema_facts.yaml` next to this file. No descriptions are carried
over. With `--check`, nothing is written and the exit status is 1 when the file is not up to date.
"""

import json
import re
import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import models

from _generated import finish

Document = dict[str, Any]

TARGET = Path(__file__).parent.parent / "src/kaito/local/schema/builtin.json"
FACTS: Document = yaml.safe_load(Path(__file__).with_name("builtin_schema_facts.yaml").read_text())

META = "io.k8s.apimachinery.pkg.apis.meta.v1"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"

HOMES = {model: package for package, listed in FACTS["homes"].items() for model in listed.split()}
QUANTITIES = frozenset(FACTS["quantities"].split())
INT64 = frozenset(FACTS["int64"].split())
MICRO_TIMES = frozenset(FACTS["micro_times"].split())
ATOMIC_STRUCTS = frozenset(FACTS["atomic_structs"].split())
LENIENT = re.compile(FACTS["lenient"])
LISTS: dict[str, list[str]] = {
    f"{definition}.{row.split()[0]}": row.split()[1:]
    for definition, rows in FACTS["lists"].items()
    for row in rows
}


class Collector:
    """Definitions gathered by following references from the kinds, breadth first."""

    def __init__(self) -> None:
        self.definitions: dict[str, Document] = {}
        self.kinds: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._queue: deque[tuple[str, str]] = deque()

    def collect(self) -> None:
        """Gather everything that the facts name as a kind, and all it refers to."""
        self.definitions |= special_definitions()
        for package, entry in FACTS["packages"].items():
            version = package.rpartition(".")[2]
            for kind in entry["kinds"].split():
                name = self.name_of(model_name(package, kind), package)
                self.kinds[f"{entry['group']}/{version}/{kind}"] = name
            while self._queue:
                model, home = self._queue.popleft()
                self._render(model, home)
        for gvk, name in self.kinds.items():
            identity = dict(zip(("group", "version", "kind"), gvk.split("/"), strict=True))
            self.definitions[name]["x-kubernetes-group-version-kind"] = [identity]

    def name_of(self, model: str, package: str) -> str:
        """The definition name of a client model that something in `package` refers to."""
        if model not in self._names:
            bare = re.sub(r"^[A-Z][a-z]*?V\d(?=[A-Z])|^V\d", "", model)
            self._names[model] = f"{HOMES.get(bare, package)}.{bare}"
            self._queue.append((model, package))
        return self._names[model]

    def _render(self, model: str, package: str) -> None:
        name = self._names[model]
        short = ".".join(name.split(".")[-3:])
        client: Any = getattr(models, model)
        properties = {}
        for attribute, written in client.openapi_types.items():
            field = client.attribute_map[attribute]
            schema = self._render_type(written, f"{short}.{field}", package)
            properties[field] = annotate(schema, short, field)
        document: Document = {"type": "object", "properties": dict(sorted(properties.items()))}
        required = required_fields(client, short)
        if required:
            document["required"] = required
        if short in ATOMIC_STRUCTS:
            document["x-kubernetes-map-type"] = "atomic"
        self.definitions[name] = document

    def _render_type(self, written: str, path: str, package: str) -> Document:
        """The schema of a type as the client writes it, such as `Dict[str, List[V1Pod]]`."""
        if inner := re.fullmatch(r"[Ll]ist\[(.*)\]", written):
            return {"type": "array", "items": self._render_type(inner[1], path, package)}
        if inner := re.fullmatch(r"[Dd]ict[\[(]str, (.*)[\])]", written):
            values = self._render_type(inner[1], path, package)
            return {"type": "object", "additionalProperties": values}
        known = render_scalar(written, path)
        return known or reference(self.name_of(written, package))


def main() -> int:
    """Write or check the file."""
    return finish((TARGET, render_file()))


def render_file() -> str:
    """The whole file: one definition a line, so that differences can be read."""
    collector = Collector()
    collector.collect()
    unknown = sorted(unreached_facts(collector.definitions))
    if unknown:
        raise SystemExit(f"facts name definitions that no kind reaches: {', '.join(unknown)}")
    lines = ",\n".join(
        f"{compact(name)}: {compact(document)}"
        for name, document in sorted(collector.definitions.items())
    )
    return f'{{"kinds": {compact(collector.kinds)},\n"definitions": {{\n{lines}\n}}}}\n'


def special_definitions() -> dict[str, Document]:
    """The types that have a JSON form of their own."""
    moment = {"type": "string", "format": "date-time"}
    return {
        f"{META}.Time": moment,
        f"{META}.MicroTime": moment,
        f"{META}.FieldsV1": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        QUANTITY: {"format": "quantity", "oneOf": [{"type": "string"}, {"type": "number"}]},
        INT_OR_STRING: {
            "format": "int-or-string",
            "oneOf": [{"type": "integer"}, {"type": "string"}],
        },
    }


def model_name(package: str, kind: str) -> str:
    """The client's name of a kind: `V1Pod`, or `CoreV1Event` where two groups share the name."""
    parts = package.split(".")
    version = parts[-1].upper()
    for name in (f"{parts[-2].title()}{version}{kind}", f"{version}{kind}"):
        if hasattr(models, name):
            return name
    raise SystemExit(f"the kubernetes package has no model of {package}.{kind}")


def required_fields(client: Any, short: str) -> list[str]:
    """The fields that must be given: not those with a default, nor those of lenient definitions."""
    if LENIENT.search(short):
        return []
    names = {
        info.serialization_alias or attribute
        for attribute, info in client.model_fields.items()
        if info.is_required()
    }
    return sorted(names - FACTS["defaults"].get(short, {}).keys())


def render_scalar(written: str, path: str) -> Document:
    """The schema of a type that is no model; empty when it is one."""
    field = path.rpartition(".")[2]
    if written == "str" and (field in QUANTITIES or path in QUANTITIES):
        return reference(QUANTITY)
    if written == "datetime":
        return reference(f"{META}.MicroTime" if field in MICRO_TIMES else f"{META}.Time")
    if written == "object":
        return render_any(field)
    scalars: dict[str, Document] = {
        "str": {"type": "string"},
        "bool": {"type": "boolean"},
        "int": {"type": "integer", "format": "int64" if field in INT64 else "int32"},
        "float": {"type": "number", "format": "double"},
        "bytes": {"type": "string", "format": "byte"},
    }
    return scalars.get(written, {})


def render_any(field: str) -> Document:
    """What the client knows only as `object`."""
    if field in {"port", "targetPort", "maxSurge", "maxUnavailable", "minAvailable"}:
        return reference(INT_OR_STRING)
    if field == "fieldsV1":
        return reference(f"{META}.FieldsV1")
    return {"x-kubernetes-preserve-unknown-fields": True}


def annotate(schema: Document, short: str, field: str) -> Document:
    """Add what the facts say about one field."""
    path = f"{short}.{field}"
    extra: Document = dict(FACTS["facets"].get(path, {}))
    if path in FACTS["enums"]:
        extra["enum"] = FACTS["enums"][path].split()
    if field in FACTS["defaults"].get(short, {}):
        extra["default"] = FACTS["defaults"][short][field]
    if path in FACTS["map_types"]:
        extra["x-kubernetes-map-type"] = FACTS["map_types"][path]
    if path in FACTS["patch_strategies"]:
        extra["x-kubernetes-patch-strategy"] = FACTS["patch_strategies"][path]
    if schema.get("type") == "array":
        extra |= list_keywords(*LISTS.get(path, ["atomic"]))
    if extra and "$ref" in schema:
        return {"allOf": [schema], **extra}
    return {**schema, **extra}


def list_keywords(keys: str, strategy: str = "-", merge_key: str = "-") -> Document:
    """One row of the lists, as OpenAPI extensions."""
    keywords: Document = {"x-kubernetes-list-type": keys}
    if keys not in {"set", "atomic"}:
        keywords["x-kubernetes-list-type"] = "map"
        keywords["x-kubernetes-list-map-keys"] = keys.split(",")
    if strategy != "-":
        keywords["x-kubernetes-patch-strategy"] = strategy
    if merge_key != "-":
        keywords["x-kubernetes-patch-merge-key"] = merge_key
    return keywords


def unreached_facts(definitions: dict[str, Document]) -> set[str]:
    """Short names of fields and definitions that the facts speak of and the client has not."""
    known = set()
    for name, document in definitions.items():
        short = ".".join(name.split(".")[-3:])
        known |= {short, *(f"{short}.{field}" for field in document.get("properties", {}))}
    stated: Iterable[str] = (
        *LISTS,
        *ATOMIC_STRUCTS,
        *(path for path in QUANTITIES if "." in path),
        *(f"{short}.{field}" for short, fields in FACTS["defaults"].items() for field in fields),
        *(path for table in ("enums", "facets", "map_types") for path in FACTS[table]),
        *FACTS["patch_strategies"],
    )
    return set(stated) - known


def reference(name: str) -> Document:
    """A `$ref` to a definition."""
    return {"$ref": f"#/components/schemas/{name}"}


def compact(value: object) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    sys.exit(main())
