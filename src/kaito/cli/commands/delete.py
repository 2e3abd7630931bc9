"""`kaito delete`: ask for deletion, and wait until the objects are gone."""

import argparse
import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from kaito.api.meta import Key
from kaito.base.errors import KaitoError, UsageError
from kaito.cli.arguments import add_cluster_options, add_file_option
from kaito.cli.discovery import Discovery, Served
from kaito.cli.durations import parse_duration
from kaito.cli.manifests import Document, read_documents
from kaito.cli.naming import Named, find_named, with_suggestion
from kaito.cli.output import note
from kaito.cli.reporting import report
from kaito.cli.target import Target, choose_target, run_with_client
from kaito.kube.client import Client
from kaito.kube.errors import ApiError, Gone, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """One object to delete."""

    served: Served
    key: Key
    uid: str = ""

    @property
    def label(self) -> str:
        """`workspace.kaito.sh "NAME"`."""
        kind = self.served.label("").rstrip("/")
        return f'{kind} "{self.key.name}"'


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "%(prog)s (RESOURCE NAME... | -f FILE) [options]"
    parser.add_argument(
        "words",
        nargs="*",
        metavar="RESOURCE NAME",
        help="a kind such as workspaces or wk, and names; or TYPE/NAME",
    )
    add_file_option(parser, required=False)
    parser.add_argument("--all", action="store_true", help="every object of the kind")
    parser.add_argument("-l", "--selector", default="", metavar="LABELS", help="such as app=phi-3")
    parser.add_argument(
        "--ignore-not-found", action="store_true", help="what is not there is no error"
    )
    parser.add_argument("--no-wait", action="store_true", help="do not wait until they are gone")
    parser.add_argument(
        "--timeout", default="5m", metavar="TIME", help="longest wait; 5m unless given"
    )
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Delete what was named."""
    seconds = parse_duration(arguments.timeout)
    if bool(arguments.words) == bool(arguments.filename):
        raise UsageError(
            "nothing to delete" if not arguments.words else "words and -f do not go together",
            hint="for example: kaito delete workspace phi-3",
        )
    documents = (
        read_documents(arguments.filename, recursive=arguments.recursive)
        if arguments.filename
        else ()
    )
    target = choose_target(arguments)

    async def work(client: Client) -> int:
        doomed = await _choose(client, documents, arguments, target)
        status, going = await _delete_all(client, doomed, arguments)
        if not arguments.no_wait:
            await _wait_all(client, going, seconds)
        return status

    return run_with_client(target, work)


async def _choose(
    client: Client,
    documents: Iterable[Document],
    arguments: argparse.Namespace,
    target: Target,
) -> tuple[Doomed, ...]:
    discovery = Discovery(client)
    if not arguments.words:
        return tuple([await _locate(discovery, one, target.namespace) for one in documents])
    named = await find_named(discovery, arguments.words)
    chosen = tuple(
        Doomed(served=one.served, key=one.key(name, target.namespace))
        for one in named
        for name in one.names
    )
    return chosen or await _list(client, named, arguments, target.namespace)


async def _locate(discovery: Discovery, document: Document, namespace: str) -> Doomed:
    manifest = document.manifest
    served = await discovery.of_kind(manifest["apiVersion"], manifest["kind"])
    if not document.name:
        raise UsageError(f"{document.where}: metadata.name is missing")
    own = str(manifest["metadata"].get("namespace") or namespace)
    return Doomed(served=served, key=Key(own if served.resource.namespaced else "", document.name))


async def _list(
    client: Client, named: Iterable[Named], arguments: argparse.Namespace, namespace: str
) -> tuple[Doomed, ...]:
    if not arguments.all and not arguments.selector:
        raise UsageError("a name is missing", hint="name objects, or pass --all")
    found: list[Doomed] = []
    for one in named:
        resource = one.served.resource
        listing = await client.list(resource, namespace=namespace, labels=arguments.selector)
        found += [Doomed(served=one.served, key=item.key) for item in listing.items]
    if not found:
        note("No resources found")
    return tuple(found)


async def _delete_all(
    client: Client, doomed: tuple[Doomed, ...], arguments: argparse.Namespace
) -> tuple[int, tuple[Doomed, ...]]:
    """Ask for every deletion; one that fails is reported and does not stop the rest."""
    status, going = 0, []
    for one in doomed:
        resource = one.served.resource
        try:
            live = await client.get(resource, one.key)
            await client.delete(resource, one.key, uid=live.metadata.uid)
        except NotFound as error:
            if not arguments.ignore_not_found:
                status = report(await with_suggestion(client, resource, one.key, error))
        except ApiError as error:
            status = report(error)
        else:
            going.append(Doomed(served=one.served, key=one.key, uid=live.metadata.uid))
            print(f"{one.label} deleted", flush=True)
    return status, tuple(going)


async def _wait_all(client: Client, going: tuple[Doomed, ...], seconds: float) -> None:
    for one in going:
        try:
            async with asyncio.timeout(seconds):
                await _wait_gone(client, one)
        except TimeoutError:
            raise KaitoError(
                f"{one.label} is still there after {seconds:g}s: a finalizer or its pods hold it",
                hint=f"see `kaito describe {one.served.label(one.key.name)}`",
            ) from None


async def _wait_gone(client: Client, one: Doomed) -> None:
    resource, key = one.served.resource, one.key
    fields = f"metadata.name={key.name}"
    fields += f",metadata.namespace={key.namespace}" if key.namespace else ""
    while True:
        listing = await client.list(resource, namespace=key.namespace, fields=fields)
        if all(item.metadata.uid != one.uid for item in listing.items):
            return
        revision = listing.resource_version
        try:
            query = {"fieldSelector": fields}
            async for event in client.watch(resource, revision=revision, query=query):
                if event.type == "DELETED":
                    return
        except Gone:
            continue
