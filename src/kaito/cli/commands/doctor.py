"""`kaito doctor`: say what is missing, on this machine or in a cluster, before it is needed."""

import argparse
import asyncio
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from kaito.base.clock import SystemClock
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.arguments import add_cluster_options, add_file_option, add_output_option
from kaito.cli.output import note, print_document

if TYPE_CHECKING:
    from kaito.app.doctor.cluster_facts import Subject
    from kaito.app.doctor.examine import Question
    from kaito.app.doctor.finding import Finding, Section
    from kaito.app.state import StateFolder
    from kaito.cli.manifests import Document
    from kaito.kube.config import Cluster

_ARROW = "-> "
_GAP = 2
_NARROWEST = 24
"""Least width of the text column, however narrow the terminal is."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_file_option(parser, required=False)
    parser.add_argument(
        "--machine",
        action="store_true",
        help="look at this machine only, even where a cluster is named",
    )
    add_output_option(parser, "table", "json")
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what was found; 1 where something blocks."""
    from kaito.app.doctor.examine import examine
    from kaito.app.doctor.finding import blocking

    sections = asyncio.run(examine(_question(arguments), SystemClock()))
    blocks = blocking(sections)
    if arguments.output == "json":
        print_document({"ok": not blocks, "sections": sections}, "json")
    else:
        print("\n".join(render(sections, width=_width())))
    return 1 if blocks else 0


def _question(arguments: argparse.Namespace) -> "Question":
    """What to look at, or why the cluster that is named cannot be."""
    from kaito.app.doctor.examine import Question
    from kaito.app.doctor.finding import missing
    from kaito.app.state import choose_state_folder

    state = choose_state_folder(arguments.state_dir)
    problem: Finding | None = None
    cluster: Cluster | None = None
    if not arguments.machine:
        try:
            cluster = _cluster(arguments, state)
        except KaitoError as error:
            problem = missing("kubeconfig", str(error), error.hint or "kubectl config view")
    space = arguments.namespace or (cluster.namespace if cluster else "default")
    subjects, beside = _read(arguments, space)
    return Question(
        state=state,
        cluster=cluster,
        problem=problem,
        subjects=subjects,
        beside=tuple(document.manifest for document in beside),
    )


def _cluster(arguments: argparse.Namespace, state: "StateFolder") -> "Cluster | None":
    """The one that every verb would take; None where nothing names one."""
    from kaito.cli.target import choose_kubeconfigs
    from kaito.kube.config import from_kubeconfigs

    is_named = bool(arguments.kubeconfig or arguments.context or os.environ.get("KUBECONFIG"))
    try:
        paths = choose_kubeconfigs(arguments.kubeconfig, state)
    except KaitoError:
        if is_named:
            raise
        return None
    return from_kubeconfigs(paths, context=arguments.context)


def _read(
    arguments: argparse.Namespace, space: str
) -> "tuple[tuple[Subject, ...], tuple[Document, ...]]":
    """The Workspaces of the files, and what stands beside them."""
    if not arguments.filename:
        return (), ()
    # The YAML parser is not needed to look at a cluster.
    from kaito.api.labels import GROUP
    from kaito.cli.manifests import read_documents

    subjects: list[Subject] = []
    beside: list[Document] = []
    for document in read_documents(arguments.filename, recursive=arguments.recursive):
        group, kind = document.manifest["apiVersion"].partition("/")[0], document.manifest["kind"]
        if (group, kind) == (GROUP, "Workspace"):
            subjects.append(_subject(document, space))
            continue
        beside.append(document)
        if group == GROUP:
            note(f"{document.where}: {kind.lower()} {document.name!r} was not looked at")
    if not subjects:
        files = ", ".join(arguments.filename)
        raise UsageError(f"there is no Workspace in {files}", hint="leave -f out to look around")
    return tuple(subjects), tuple(beside)


def _subject(document: "Document", space: str) -> "Subject":
    from kaito.app.doctor.cluster_facts import Subject

    metadata = document.manifest.get("metadata")
    if not isinstance(metadata, dict):
        raise UsageError(f"{document.where}: metadata is missing", hint="it holds the name")
    named = {**metadata, "namespace": metadata.get("namespace") or space}
    return Subject(where=document.where, manifest={**document.manifest, "metadata": named})


def render(sections: "tuple[Section, ...]", *, width: int) -> Iterator[str]:
    """The lines for people: check, state, what, and below it the next step, never broken."""
    findings = [finding for section in sections for finding in section.findings]
    left = max((len(finding.check) for finding in findings), default=0) + _GAP
    middle = len("missing") + _GAP
    room = max(width - left - middle - _GAP, _NARROWEST)
    for section in sections:
        yield section.title
        for finding in section.findings:
            head = f"{finding.check:<{left}}{finding.state:<{middle}}"
            for line in _wrap(finding.what, room) or ("",):
                yield f"{'':{_GAP}}{head}{line}".rstrip()
                head = " " * (left + middle)
            if finding.next:
                yield f"{'':{_GAP}}{head}{_ARROW}{finding.next}"
        yield ""
    yield from _wrap(_summary(sections), max(width, _NARROWEST))


def _wrap(text: str, width: int) -> list[str]:
    """Lines that end between words; names and paths stay whole, to be copied."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _summary(sections: "tuple[Section, ...]") -> str:
    names = [
        f"{finding.check} ({section.title.partition(' (')[0]})"
        for section in sections
        for finding in section.findings
        if finding.state == "missing"
    ]
    if not names:
        return "Nothing blocks."
    count = "1 thing blocks" if len(names) == 1 else f"{len(names)} things block"
    return f"{count}: {', '.join(names)}"


def _width() -> int:
    """The terminal's; unbroken lines for other programs, which look for words in them."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    return sys.maxsize
