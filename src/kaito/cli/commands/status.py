"""`kaito status`: the plane of this machine and what runs on it. Exit status 1 where none runs.

With a name: one Workspace's start, stage by stage, in whatever cluster is meant.
"""

import argparse
import shlex

from kaito.api.meta import Key
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.app.state import choose_state_folder
from kaito.base.clock import SystemClock, format_age
from kaito.base.errors import KaitoError, UsageError
from kaito.base.quantity import format_gib, parse_bytes
from kaito.cli.arguments import add_cluster_options, add_output_option
from kaito.cli.condition import NodeLine, PlaneStatus, WorkspaceLine, observe_plane
from kaito.cli.naming import with_suggestion
from kaito.cli.output import print_document, render_rows
from kaito.cli.reporting import report
from kaito.cli.start_text import render_workspace
from kaito.cli.target import choose_target, run_with_client
from kaito.kube.client import Client
from kaito.kube.errors import NotFound


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = "%(prog)s [WORKSPACE] [options]"
    parser.add_argument(
        "name", nargs="?", default="", metavar="WORKSPACE", help="how far this one is"
    )
    parser.add_argument(
        "-w", "--watch", action="store_true", help="with a name: go on until it is ready"
    )
    add_output_option(parser, "json", "yaml")
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print how it is; scripts learn from the exit status whether a plane runs."""
    if arguments.name:
        target = choose_target(arguments)
        key = Key(target.namespace, arguments.name)
        return run_with_client(target, lambda client: _tell(client, key, arguments))
    if arguments.watch:
        raise UsageError("--watch needs a name", hint="for example: kaito status phi-3 --watch")
    found = observe_plane(choose_state_folder(arguments.state_dir))
    if arguments.output:
        print_document(found, arguments.output)
    else:
        print(render_status(found))
    return 0 if found.running else 1


async def _tell(client: Client, key: Key, arguments: argparse.Namespace) -> int:
    """One Workspace; the exit status is 0 where it is ready."""
    form: str = arguments.output
    try:
        workspace: Workspace = await client.get(WORKSPACES, key)
    except NotFound as error:
        return report(await with_suggestion(client, WORKSPACES, key, error))
    _print(workspace, form)
    if not arguments.watch or _is_over(workspace):
        return 0 if _is_ready(workspace) else 1
    query = {"fieldSelector": f"metadata.name={key.name}"}
    revision, told = workspace.metadata.resource_version, workspace.status
    while True:
        async for event in client.watch(
            WORKSPACES, revision=revision, query=query, namespace=key.namespace
        ):
            revision, workspace = event.object.metadata.resource_version, event.object
            if event.type == "DELETED":
                return report(KaitoError(f"workspace {key} was deleted"))
            if event.type == "BOOKMARK" or workspace.status == told:
                continue
            told = workspace.status
            _print(workspace, form)
            if _is_over(workspace):
                return 0 if _is_ready(workspace) else 1


def _print(workspace: Workspace, form: str) -> None:
    if form:
        print_document(workspace.status, form)
    else:
        print(f"{render_workspace(workspace)}\n", flush=True)


def _is_ready(workspace: Workspace) -> bool:
    return workspace.status.state in ("Ready", "Succeeded", "Running")


def _is_over(workspace: Workspace) -> bool:
    return workspace.status.state in ("Ready", "Succeeded", "Failed")


def render_status(found: PlaneStatus) -> str:
    """The same for people."""
    parts = ["\n".join(f"{title:<12}{text}" for title, text in _facts(found))]
    if found.nodes:
        headings = ("node", "ready", "cpu", "memory", "instance")
        parts.append(render_rows(headings, map(_node_row, found.nodes)))
    if found.workspaces:
        headings = ("namespace", "workspace", "state", "reason", "address")
        parts.append(render_rows(headings, map(_workspace_row, found.workspaces)))
    elif found.running and not found.problem:
        parts.append("No workspaces yet; see `kaito models list` and `kaito apply --help`.")
    return "\n\n".join(parts)


def _facts(found: PlaneStatus) -> list[tuple[str, str]]:
    lines = [("plane", _state(found))]
    if found.running:
        lines += [
            ("api", found.url or "-"),
            ("memory", format_gib(found.memory_bytes)),
            ("kubeconfig", f"export KUBECONFIG={shlex.quote(found.kubeconfig)}"),
        ]
    if found.problem:
        lines.append(("problem", found.problem))
    return [*lines, ("state", found.state_folder), ("weights", _weights(found))]


def _state(found: PlaneStatus) -> str:
    if not found.running:
        return "not running; start it with `kaito up`"
    age = ""
    if found.started_at is not None:
        seconds = (SystemClock().now() - found.started_at).total_seconds()
        age = f" for {format_age(seconds)}"
    return f"running{age} (process {found.pid})"


def _weights(found: PlaneStatus) -> str:
    if not found.models:
        return "none"
    names = ", ".join(m.name if m.complete else f"{m.name} (incomplete)" for m in found.models)
    return f"{format_gib(sum(m.bytes for m in found.models))}: {names}"


def _node_row(node: NodeLine) -> tuple[str, ...]:
    kind = node.instance_type or "this machine"
    return (
        node.name,
        "yes" if node.ready else "no",
        node.cpu,
        format_gib(parse_bytes(node.memory)) if node.memory else "",
        f"{kind} (emulated)" if node.emulated else kind,
    )


def _workspace_row(line: WorkspaceLine) -> tuple[str, ...]:
    return (line.namespace, line.name, line.state, line.reason, line.address or "-")
