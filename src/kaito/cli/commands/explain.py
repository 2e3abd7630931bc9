"""`kaito explain`: the one thing a workspace waits for, since when, and what to do about it."""

import argparse
from datetime import datetime

from kaito.api.explain import Explanation, explain_workspace
from kaito.api.meta import Key
from kaito.base.clock import SystemClock, format_age, to_rfc3339
from kaito.cli.arguments import add_cluster_options, add_output_option
from kaito.cli.output import print_document
from kaito.cli.target import choose_target, run_with_client
from kaito.cli.workspaces import read_workspace
from kaito.kube.client import Client


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="name of the workspace")
    add_output_option(parser, "json", "yaml")
    add_cluster_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    target = choose_target(arguments)

    async def work(client: Client) -> int:
        key = Key(target.namespace, arguments.name.rpartition("/")[2])
        explanation = explain_workspace(await read_workspace(client, key))
        now = SystemClock().now()
        if arguments.output:
            print_document(_to_document(key, explanation, now), arguments.output)
        else:
            print(render_explanation(key, explanation, now))
        return 0

    return run_with_client(target, work)


def render_explanation(key: Key, explanation: Explanation, now: datetime) -> str:
    """A few lines for people."""
    age = age_of(explanation, now)
    since = f" for {age}" if age else ""
    lines = [f"workspace {key}: {explanation.reason}{since}", f"  {explanation.message}"]
    lines.append(f"  look: {explanation.look}")
    if explanation.then:
        lines.append(f"  next: {explanation.then}")
    return "\n".join(lines)


def age_of(explanation: Explanation, now: datetime) -> str:
    """How long it has been so; empty where nobody knows."""
    if explanation.since is None:
        return ""
    return format_age((now - explanation.since).total_seconds())


def _to_document(key: Key, explanation: Explanation, now: datetime) -> dict[str, str]:
    return {
        "namespace": key.namespace,
        "name": key.name,
        "reason": explanation.reason,
        "message": explanation.message,
        "since": to_rfc3339(explanation.since) if explanation.since else "",
        "age": age_of(explanation, now),
        "look": explanation.look,
        "next": explanation.then,
    }
