"""`kaito get`: objects as a table, or as they are."""

import argparse
from dataclasses import dataclass
from typing import Any

import msgspec

from kaito.api.meta import Key, Manifest
from kaito.base.errors import UsageError
from kaito.cli.arguments import add_cluster_options, add_output_option
from kaito.cli.discovery import Discovery
from kaito.cli.documents import without_managed_fields
from kaito.cli.naming import Named, find_named, with_suggestion
from kaito.cli.output import note, print_document
from kaito.cli.reporting import report
from kaito.cli.tables import Table, joined, list_table, read_table, render_table
from kaito.cli.target import Target, choose_target, run_with_client
from kaito.cli.watching import Followed, follow
from kaito.kube.client import Client
from kaito.kube.errors import ApiError, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to show of the kinds that were named."""

    namespace: str
    """Empty for all of them."""
    query: dict[str, str]
    output: str

    @property
    def all_namespaces(self) -> bool:
        """Whether objects need their namespace beside them."""
        return not self.namespace


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "%(prog)s RESOURCE [NAME...] [options]"
    parser.add_argument(
        "words",
        nargs="+",
        metavar="RESOURCE [NAME]",
        help="a kind such as workspaces, wk or pods,services; or TYPE/NAME",
    )
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="of every namespace")
    parser.add_argument(
        "-w", "--watch", action="store_true", help="and then each change, until it is ended"
    )
    parser.add_argument("-l", "--selector", default="", metavar="LABELS", help="such as app=phi-3")
    parser.add_argument(
        "--field-selector", default="", metavar="FIELDS", help="such as metadata.name=phi-3"
    )
    add_output_option(parser, "json", "yaml", "wide", "name")
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what was asked for."""
    target = choose_target(arguments)
    return run_with_client(target, lambda client: _get(client, arguments, target))


async def _get(client: Client, arguments: argparse.Namespace, target: Target) -> int:
    named = await find_named(Discovery(client), arguments.words)
    selection = Selection(
        namespace="" if arguments.all_namespaces else target.namespace,
        query={"labelSelector": arguments.selector, "fieldSelector": arguments.field_selector},
        output=arguments.output,
    )
    if selection.all_namespaces and any(one.names for one in named):
        raise UsageError("a name and --all-namespaces do not go together", hint="use -n NAMESPACE")
    if arguments.watch:
        await follow(client, _followed(named, selection))
        return 0
    if selection.output in ("json", "yaml", "name"):
        return await _print_objects(client, named, selection)
    return await _print_tables(client, named, selection)


def _followed(named: tuple[Named, ...], selection: Selection) -> Followed:
    """One kind, or one object of it."""
    if len(named) > 1 or len(named[0].names) > 1:
        raise UsageError("only one kind, or one object, can be watched", hint="name one of them")
    (one,) = named
    query = dict(selection.query)
    if one.names:
        fields = (query["fieldSelector"], f"metadata.name={one.names[0]}")
        query["fieldSelector"] = ",".join(filter(None, fields))
    return Followed(
        served=one.served,
        namespace=selection.namespace if one.served.resource.namespaced else "",
        query=query,
        output=selection.output,
    )


async def _print_tables(client: Client, named: tuple[Named, ...], selection: Selection) -> int:
    status, printed = 0, False
    for one in named:
        table, failed = await _table(client, one, selection)
        status = status or failed
        if not table.rows:
            continue
        if printed:
            print()
        text = render_table(
            table,
            wide=selection.output == "wide",
            with_namespace=selection.all_namespaces and one.served.resource.namespaced,
            served=one.served if len(named) > 1 else None,
        )
        print(text)
        printed = True
    if not printed and not status:
        everywhere = selection.all_namespaces or not named[0].served.resource.namespaced
        note(f"No resources found{'' if everywhere else f' in {selection.namespace} namespace.'}")
    return status


async def _table(client: Client, one: Named, selection: Selection) -> tuple[Table, int]:
    """The rows that could be read, and 1 where some could not."""
    resource = one.served.resource
    if not one.names:
        return await list_table(client, resource, selection.namespace, selection.query), 0
    tables, status = [], 0
    for name in one.names:
        key = one.key(name, selection.namespace)
        try:
            tables.append(await read_table(client, resource, key))
        except ApiError as error:
            status = await _report(client, one, key, error)
    return joined(tables), status


async def _print_objects(client: Client, named: tuple[Named, ...], selection: Selection) -> int:
    status, objects = 0, []
    for one in named:
        found, failed = await _objects(client, one, selection)
        status = status or failed
        objects += [(one, manifest) for manifest in found]
    if selection.output == "name":
        for one, manifest in objects:
            print(one.served.label(manifest["metadata"]["name"]))
    elif len(named) == 1 and len(named[0].names) == 1:
        if objects:
            print_document(objects[0][1], selection.output)
    else:
        items = [manifest for _, manifest in objects]
        whole = {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}
        print_document(whole, selection.output)
    return status


async def _objects(
    client: Client, one: Named, selection: Selection
) -> tuple[tuple[Manifest, ...], int]:
    if not one.names:
        return await _list(client, one, selection), 0
    found: list[Manifest] = []
    status = 0
    for name in one.names:
        key = one.key(name, selection.namespace)
        try:
            body = await client.request("GET", one.served.resource.path(key))
        except ApiError as error:
            status = await _report(client, one, key, error)
        else:
            found.append(without_managed_fields(msgspec.json.decode(body)))
    return tuple(found), status


async def _list(client: Client, one: Named, selection: Selection) -> tuple[Manifest, ...]:
    resource = one.served.resource
    query = {"limit": "500", **selection.query}
    found: list[Manifest] = []
    while True:
        path = resource.path(namespace=selection.namespace)
        page: Any = msgspec.json.decode(await client.request("GET", path, query=query))
        # Items of a list carry no type of their own; alone they need it.
        typed = {"apiVersion": resource.api_version, "kind": resource.kind}
        found += [without_managed_fields({**typed, **item}) for item in page.get("items") or ()]
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return tuple(found)
        query = {**query, "continue": token}


async def _report(client: Client, one: Named, key: Key, error: ApiError) -> int:
    if isinstance(error, NotFound):
        error = await with_suggestion(client, one.served.resource, key, error)
    return report(error)
