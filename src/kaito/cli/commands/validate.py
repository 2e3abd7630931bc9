"""`kaito validate`: check manifests on this machine, by the rules the API server would use."""

import argparse
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from kaito.api.crd.definition import Definition
from kaito.api.kinds import Kind, find_kind
from kaito.api.runtime import CONFIG_KEY
from kaito.api.training_config import TRAINING_CONFIG_KEY
from kaito.api.validation.surroundings import Surroundings
from kaito.base.suggest import did_you_mean
from kaito.cli.arguments import add_file_option
from kaito.cli.manifests import Document, read_documents
from kaito.cli.nearby import surroundings_of
from kaito.cli.output import note
from kaito.cli.reporting import report_line
from kaito.local.schema.structure import Schema, compile_schema
from kaito.local.schema.validate import apply_defaults, prune, unknown_fields, validate

_CONFIG_KEYS = frozenset({CONFIG_KEY, TRAINING_CONFIG_KEY})


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_file_option(parser, required=True)


def run(arguments: argparse.Namespace) -> int:
    """Print everything that is wrong."""
    status = 0
    documents = read_documents(arguments.filename, recursive=arguments.recursive)
    around = surroundings_of(documents)
    for document in documents:
        name, group = document.manifest["kind"], document.manifest["apiVersion"].partition("/")[0]
        label = f"{name.lower()} {document.name!r}"
        kind = find_kind(group, name)
        if kind is None:
            if not _is_read_by_ours(document):
                note(f"{document.where}: {label} is not one of ours and was not checked")
            continue
        problems = tuple(_problems(kind, document, around))
        for problem in problems:
            status = report_line(f"{document.where}: {label}: {problem}")
        if not problems:
            print(f"{document.where}: {label} is valid")
    return status


def _problems(kind: Kind[Any], document: Document, around: Surroundings) -> Iterator[str]:
    manifest = document.manifest
    version = manifest["apiVersion"].partition("/")[2]
    schemas = _schemas(kind.definition)
    if version not in schemas:
        guess = did_you_mean(version, schemas) or f"one of: {', '.join(schemas)}"
        yield f"apiVersion: there is no version {version!r}; {guess}"
        return
    schema = schemas[version]
    yield from (f"unknown field {path!r}" for path in unknown_fields(schema, manifest))
    # Pruned first, as a server would: a null is a field left out.
    complete = apply_defaults(schema, prune(schema, manifest))
    broken = [str(error) for error in validate(schema, complete)]
    yield from broken or map(str, kind.check(complete, None, around))


@cache
def _schemas(definition: Definition) -> Mapping[str, Schema]:
    """The schemas of a kind's versions."""
    return {v.name: compile_schema(v.schema()) for v in definition.versions}


def _is_read_by_ours(document: Document) -> bool:
    """Whether it is a ConfigMap with a file of ours: judged with what names it."""
    return document.manifest["kind"] == "ConfigMap" and not _CONFIG_KEYS.isdisjoint(_data(document))


def _data(document: Document) -> Mapping[str, str]:
    data = document.manifest.get("data")
    return {str(k): str(v) for k, v in data.items()} if isinstance(data, dict) else {}
