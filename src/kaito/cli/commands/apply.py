"""`kaito apply`: server-side apply of manifests, and waiting for the models among them."""

import argparse
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from kaito.api.meta import Key, Manifest
from kaito.api.workspace import WORKSPACES
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.arguments import add_cluster_options, add_file_option, add_output_option
from kaito.cli.discovery import Discovery, Served
from kaito.cli.documents import without_managed_fields
from kaito.cli.durations import parse_duration
from kaito.cli.history import History
from kaito.cli.manifests import Document, read_documents
from kaito.cli.output import print_document
from kaito.cli.progress import Lines
from kaito.cli.reporting import report
from kaito.cli.target import Target, choose_target, run_with_client
from kaito.cli.waiting import Waiting, wait_until_ready
from kaito.kube.client import Client
from kaito.kube.errors import Conflict, Invalid, NotFound

_MANAGER = "kaito"
_APPLY = "application/apply-patch+yaml"
_UNKNOWN_FIELD = re.compile(r'unknown field "([^"]+)"')

Verdict = Literal["created", "configured", "unchanged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of one object."""

    served: Served
    key: Key
    verdict: Verdict
    manifest: Manifest


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_file_option(parser, required=True)
    parser.add_argument(
        "--wait", action="store_true", help="until every applied workspace is ready"
    )
    parser.add_argument(
        "--timeout", default="30m", metavar="TIME", help="longest wait for each; 30m unless given"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="let the server check everything and store nothing"
    )
    parser.add_argument(
        "--force-conflicts", action="store_true", help="take over fields that others set"
    )
    add_output_option(parser, "json", "yaml", "name")
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Apply everything that was named."""
    seconds = parse_duration(arguments.timeout)
    documents = read_documents(arguments.filename, recursive=arguments.recursive)
    target = choose_target(arguments)

    async def work(client: Client) -> int:
        applied, status = await _apply_all(client, documents, arguments, target)
        if status or not arguments.wait or arguments.dry_run:
            return status
        await _wait(client, applied, seconds, target)
        return 0

    return run_with_client(target, work)


async def _apply_all(
    client: Client,
    documents: Iterable[Document],
    arguments: argparse.Namespace,
    target: Target,
) -> tuple[tuple[Applied, ...], int]:
    """One bad object does not keep the others away, as with kubectl; the status says it was bad."""
    discovery = Discovery(client)
    query = {
        "fieldManager": _MANAGER,
        "fieldValidation": "Strict",
        "force": "true" if arguments.force_conflicts else "",
        "dryRun": "All" if arguments.dry_run else "",
    }
    applied: list[Applied] = []
    status = 0
    for document in documents:
        try:
            served, key = await _locate(discovery, document, target)
            one = await _apply(client, document.manifest, (served, key), query)
        except KaitoError as error:
            report(_advised(error, document), about=_subject(document, error))
            status = 1
        else:
            applied.append(one)
            _print(one, arguments)
    return tuple(applied), status


async def _locate(discovery: Discovery, document: Document, target: Target) -> tuple[Served, Key]:
    manifest = document.manifest
    served = await discovery.of_kind(manifest["apiVersion"], manifest["kind"])
    if not document.name:
        kind = manifest["kind"]
        raise UsageError(f"{kind}: metadata.name is missing", hint="add a name under metadata:")
    if not served.resource.namespaced:
        return served, Key("", document.name)
    own = str(manifest["metadata"].get("namespace") or "")
    if own and target.has_explicit_namespace and own != target.namespace:
        raise UsageError(
            f"{served.label(document.name)} is for namespace {own!r}, not {target.namespace!r}",
            hint=f"leave out -n, or pass -n {own}",
        )
    return served, Key(own or target.namespace, document.name)


async def _apply(
    client: Client, manifest: Manifest, where: tuple[Served, Key], query: dict[str, str]
) -> Applied:
    served, key = where
    path = served.resource.path(key)
    try:
        before: Any = msgspec.json.decode(await client.request("GET", path))
    except NotFound:
        before = None
    body = await client.request(
        "PATCH", path, json=manifest, query=query, headers={"Content-Type": _APPLY}
    )
    after: Manifest = msgspec.json.decode(body)
    return Applied(served=served, key=key, verdict=_verdict(before, after), manifest=after)


def _verdict(before: Manifest | None, after: Manifest) -> Verdict:
    if before is None:
        return "created"
    revision = "resourceVersion"
    same = before["metadata"].get(revision) == after["metadata"].get(revision)
    return "unchanged" if same else "configured"


def _subject(document: Document, error: KaitoError) -> str:
    """File and line, and the object where the error itself does not name it."""
    kind = str(document.manifest["kind"]).lower()
    named = document.name and document.name not in str(error)
    return f"{document.where}: {kind} {document.name!r}" if named else document.where


def _advised(error: KaitoError, document: Document) -> KaitoError:
    """The error with a next step, where the server did not give one."""
    if isinstance(error, Conflict) and not error.hint:
        error.hint = "somebody else set these fields; take them over with --force-conflicts"
    elif isinstance(error, Invalid) and (found := _UNKNOWN_FIELD.search(str(error))):
        parent = re.sub(r"\[\d*\]", "", found[1]).rpartition(".")[0]
        kind = ".".join(filter(None, (str(document.manifest["kind"]).lower(), parent)))
        error.hint = f"the fields there are listed by: kubectl explain {kind}"
    return error


def _print(one: Applied, arguments: argparse.Namespace) -> None:
    if arguments.output in ("json", "yaml"):
        print_document(without_managed_fields(one.manifest), arguments.output)
    elif arguments.output == "name":
        print(one.served.label(one.key.name))
    else:
        dry = " (dry run)" if arguments.dry_run else ""
        print(f"{one.served.label(one.key.name)} {one.verdict}{dry}", flush=True)


async def _wait(
    client: Client, applied: tuple[Applied, ...], seconds: float, target: Target
) -> None:
    waiting = Waiting(history=History(target.state), seconds=seconds, lines=Lines())
    for one in applied:
        resource = one.served.resource
        if (resource.group, resource.kind) == (WORKSPACES.group, WORKSPACES.kind):
            await wait_until_ready(client, one.key, waiting)
