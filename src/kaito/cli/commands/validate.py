"""`kaito validate`: check manifests on this machine, by the rules the API server would use."""

import argparse
from collections.abc import Iterator
from typing import Any

from kaito.api.kinds import Kind, find_kind
from kaito.api.runtime import CONFIG_KEY
from kaito.api.training_config import TRAINING_CONFIG_KEY
from kaito.api.validation.surroundings import Surroundings
from kaito.app.judging import judge, schemas_of
from kaito.base.suggest import did_you_mean
from kaito.cli.arguments import add_file_option
from kaito.cli.manifests import Document, read_documents
from kaito.cli.nearby import config_data, surroundings_of
from kaito.cli.output import note
from kaito.cli.reporting import report_line

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
    schemas = schemas_of(kind.definition)
    if version not in schemas:
        guess = did_you_mean(version, schemas) or f"one of: {', '.join(schemas)}"
        yield f"apiVersion: there is no version {version!r}; {guess}"
        return
    judged = judge(kind, schemas[version], manifest, None, around)
    yield from (*judged.unknown, *judged.faults)


def _is_read_by_ours(document: Document) -> bool:
    """Whether it is a ConfigMap with a file of ours: judged with what names it."""
    is_config_map = document.manifest["kind"] == "ConfigMap"
    return is_config_map and not _CONFIG_KEYS.isdisjoint(config_data(document))
