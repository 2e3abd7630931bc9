"""`kaito explain`: the one thing a workspace waits for, since when, what to do, and its plan."""

import argparse
from datetime import datetime

from kaito.api.explain import Explanation, explain_workspace
from kaito.api.meta import Key
from kaito.api.workspace import PlanStatus
from kaito.base.clock import SystemClock, format_age, to_rfc3339
from kaito.cli.arguments import add_cluster_options, add_output_option
from kaito.cli.output import print_document
from kaito.cli.target import choose_target, run_with_client
from kaito.cli.tokens import format_tokens
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
        workspace = await read_workspace(client, key)
        explanation, plan = explain_workspace(workspace), workspace.status.plan
        now = SystemClock().now()
        if arguments.output:
            document = {**_to_document(key, explanation, now), "plan": plan}
            print_document(document, arguments.output)
        else:
            lines = [f"  {line}" for line in plan_lines(plan)]
            print("\n".join([render_explanation(key, explanation, now), *lines]))
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


def plan_lines(plan: PlanStatus | None) -> tuple[str, ...]:
    """The plan and its arithmetic, a line a term; nothing before there is a plan."""
    if plan is None:
        return ()
    gpus = f", {plan.gpus_per_node} GPUs a pod" if plan.gpus_per_node else ""
    limits = f"context {format_tokens(plan.context_tokens)}, {plan.concurrency} at once"
    place = f"{plan.nodes} x {plan.instance_type or 'this machine'}{gpus}"
    serves = f", {plan.runtime}, {limits}" if plan.runtime else ""
    terms = [
        *plan.working,
        *(f"override: {line}" for line in plan.overrides),
        *(f"note: {line}" for line in plan.notes),
    ]
    if plan.in_cluster:
        terms.append(plan.in_cluster)
    return (f"plan: {place}{serves}", *(f"  {term}" for term in terms))


def age_of(explanation: Explanation, now: datetime) -> str:
    """How long it has been so; empty where nobody knows."""
    if explanation.since is None:
        return ""
    return format_age((now - explanation.since).total_seconds())


def _to_document(key: Key, explanation: Explanation, now: datetime) -> dict[str, object]:
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
