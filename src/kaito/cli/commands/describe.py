"""`kaito describe`: objects in full, with their events."""

import argparse

import msgspec

from kaito.api.core import EVENTS, Event
from kaito.api.meta import Key, Manifest
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.base.clock import SystemClock
from kaito.base.errors import UsageError
from kaito.cli.arguments import add_cluster_options
from kaito.cli.described import render_description
from kaito.cli.discovery import Discovery
from kaito.cli.naming import Named, find_named, with_suggestion
from kaito.cli.output import note
from kaito.cli.reporting import report
from kaito.cli.start_text import render_parts
from kaito.cli.target import choose_target, run_with_client
from kaito.kube.client import Client
from kaito.kube.errors import ApiError, NotFound


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "%(prog)s RESOURCE [NAME...] [options]"
    parser.add_argument(
        "words",
        nargs="+",
        metavar="RESOURCE [NAME]",
        help="a kind such as workspaces or wk, and names; or TYPE/NAME",
    )
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for."""
    target = choose_target(arguments)
    return run_with_client(
        target, lambda client: _describe(client, arguments.words, target.namespace)
    )


async def _describe(client: Client, words: list[str], namespace: str) -> int:
    named = await find_named(Discovery(client), words)
    if len(named) > 1 and any(not one.names for one in named):
        raise UsageError("name one kind", hint="for example: kaito describe workspace phi-3")
    status, texts = 0, []
    for one in named:
        resource = one.served.resource
        for name in one.names or await _all_names(client, one, namespace):
            key = one.key(name, namespace)
            try:
                body = await client.request("GET", resource.path(key))
            except NotFound as error:
                status = report(await with_suggestion(client, resource, key, error))
                continue
            manifest: Manifest = msgspec.json.decode(body)
            events = await _events(client, manifest, key)
            text = render_description(manifest, events, SystemClock().now())
            texts.append("\n\n".join((text, *_summary(manifest))))
    if texts:
        print("\n\n\n".join(texts))
    elif not status:
        note(f"No resources found in {namespace} namespace.")
    return status


def _summary(manifest: Manifest) -> tuple[str, ...]:
    """A Workspace's start and parts as tables, below what every kind shows."""
    if manifest.get("kind") != WORKSPACES.kind:
        return ()
    try:
        return render_parts(msgspec.convert(manifest, Workspace))
    except msgspec.ValidationError:
        return ()  # of another release; the fields above say it all


async def _all_names(client: Client, one: Named, namespace: str) -> tuple[str, ...]:
    listing = await client.list(one.served.resource, namespace=namespace)
    return tuple(item.metadata.name for item in listing.items)


async def _events(client: Client, manifest: Manifest, key: Key) -> tuple[Event, ...]:
    uid = (manifest.get("metadata") or {}).get("uid", "")
    fields = f"involvedObject.name={key.name},involvedObject.uid={uid}"
    try:
        # Events about objects without a namespace are kept in `default`.
        listing = await client.list(EVENTS, namespace=key.namespace or "default", fields=fields)
    except ApiError:
        return ()
    return listing.items
