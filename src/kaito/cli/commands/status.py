"""`kaito status`: the plane of this machine and what runs on it. Exit status 1 where none runs."""

import argparse
import shlex

from kaito.app.state import choose_state_folder
from kaito.base.clock import SystemClock, format_age
from kaito.base.quantity import format_gib, parse_bytes
from kaito.cli.arguments import add_output_option, add_state_option
from kaito.cli.condition import NodeLine, PlaneStatus, WorkspaceLine, observe_plane
from kaito.cli.output import print_document, render_rows


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_output_option(parser, "json", "yaml")
    add_state_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print how it is; scripts learn from the exit status whether a plane runs."""
    found = observe_plane(choose_state_folder(arguments.state_dir))
    if arguments.output:
        print_document(found, arguments.output)
    else:
        print(render_status(found))
    return 0 if found.running else 1


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
