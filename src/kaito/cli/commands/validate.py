"""`kaito validate`: check manifests on this machine, by the rules the API server would use."""

import argparse
from collections.abc import Iterator
from typing import Any

import msgspec

from kaito.api import labels
from kaito.api.crd import workspace_crd
from kaito.api.validation import validate_workspace
from kaito.api.workspace import Workspace
from kaito.base.suggest import did_you_mean
from kaito.catalog.lookup import check_preset
from kaito.cli.arguments import add_file_option
from kaito.cli.manifests import Document, read_documents
from kaito.cli.output import note
from kaito.cli.reporting import report_line
from kaito.local.schema.structure import Schema, compile_schema
from kaito.local.schema.validate import unknown_fields, validate


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_file_option(parser, required=True)


def run(arguments: argparse.Namespace) -> int:
    """Print everything that is wrong."""
    status = 0
    for document in read_documents(arguments.filename, recursive=arguments.recursive):
        kind, group = document.manifest["kind"], document.manifest["apiVersion"].partition("/")[0]
        label = f"{kind.lower()} {document.name!r}"
        if (group, kind) != (labels.GROUP, "Workspace"):
            note(f"{document.where}: {label} is not one of ours and was not checked")
            continue
        problems = tuple(_problems(document))
        for problem in problems:
            status = report_line(f"{document.where}: {label}: {problem}")
        if not problems:
            print(f"{document.where}: {label} is valid")
    return status


def _problems(document: Document) -> Iterator[str]:
    manifest = document.manifest
    version = manifest["apiVersion"].partition("/")[2]
    schemas = _schemas()
    if version not in schemas:
        guess = did_you_mean(version, schemas) or f"one of: {', '.join(schemas)}"
        yield f"apiVersion: there is no version {version!r}; {guess}"
        return
    schema = schemas[version]
    yield from (f"unknown field {path!r}" for path in unknown_fields(schema, manifest))
    broken = [str(error) for error in validate(schema, manifest)]
    yield from broken
    if broken:
        return
    try:
        workspace = msgspec.convert(manifest, Workspace)
    except msgspec.ValidationError as error:
        yield str(error)
        return
    yield from map(str, validate_workspace(workspace, check_preset=check_preset))


def _schemas() -> dict[str, Schema]:
    versions: list[dict[str, Any]] = workspace_crd()["spec"]["versions"]
    return {v["name"]: compile_schema(v["schema"]["openAPIV3Schema"]) for v in versions}
