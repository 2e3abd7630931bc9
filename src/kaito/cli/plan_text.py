"""A plan for people: the decision first, then where each GPU's memory goes, then the arithmetic.

Tables fit 80 columns; sentences are wrapped only where somebody reads them on a terminal.
"""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from decimal import Decimal

from kaito.base.quantity import GIB, format_gib
from kaito.cli.output import render_rows
from kaito.cli.tokens import format_tokens
from kaito.planner.plan import MemoryShare, Plan, StartUp
from kaito.planner.search import price_of
from kaito.planner.working import spread_in_words

RANKING_HEADINGS = ("instance type", "nodes", "gpus", "context", "at once", "$/hour")
_CENT = Decimal("0.01")


def render_plan(plan: Plan, *, model_context: int) -> str:
    """The whole plan of one model."""
    parts = [_render_facts(_decision(plan, model_context))]
    if plan.share is not None:
        parts.append(render_share(plan.share))
    for heading, lines in (
        ("Arithmetic", plan.working),
        ("Overrides", plan.overrides),
        ("Notes", plan.notes),
    ):
        if lines:
            parts.append(f"{heading}:\n" + "\n".join(map(_wrapped, lines)))
    return "\n\n".join(parts)


def render_share(share: MemoryShare) -> str:
    """Where one GPU's memory goes, as a table whose rows add up to what the driver reports."""
    rows = [
        ("weights", share.weights),
        *([("LoRA", share.adapters)] if share.adapters else []),
        ("activations", share.activations),
        ("CUDA graphs", share.graphs),
        ("engine", share.engine),
        ("KV cache", share.cache),
    ]
    hundredths = [round(size / GIB * 100) for _, size in rows]
    total = round(share.total / GIB * 100)
    # What is left takes up the rounding, so that the column adds up as it is printed.
    figures = [*zip((name for name, _ in rows), hundredths, strict=True)]
    figures += [("left free", total - sum(hundredths)), ("total", total)]
    lines = [
        f"  {name:<12}{figure / 100:>9.2f} GiB{figure / total * 100:>8.1f} %"
        for name, figure in figures
    ]
    rule = "  " + "-" * (len(lines[0]) - 2)
    return "\n".join(["Memory of the fullest GPU:", *lines[:-1], rule, lines[-1]])


def render_ranking(plans: Iterable[Plan]) -> str:
    """Plans one a line, in their order."""
    return render_rows(RANKING_HEADINGS, [ranking_row(plan) for plan in plans])


def ranking_row(plan: Plan) -> tuple[str, ...]:
    """One plan as a line of a table."""
    assert plan.instance is not None
    return (
        plan.instance.name,
        str(plan.nodes),
        f"{plan.gpus_per_node}/{plan.instance.gpus} {plan.instance.gpu}",
        format_tokens(plan.context_tokens),
        str(plan.concurrency),
        format_price(price_of(plan)),
    )


def format_price(price: Decimal | None) -> str:
    """A price in cents, or a question mark."""
    return f"{price.quantize(_CENT):,}" if price is not None else "?"


def _decision(plan: Plan, model_context: int) -> list[tuple[str, str]]:
    """What to run and what it gives, a name and a value each."""
    is_cut = plan.context_tokens < model_context
    own = f" of the model's {format_tokens(model_context)}" if is_cut else ""
    requests = "1 request" if plan.concurrency == 1 else f"{plan.concurrency} requests"
    held = f"the cache holds {plan.cache_tokens:,} tokens"
    facts = [
        *_place(plan),
        ("runtime", plan.runtime),
        ("context", f"{format_tokens(plan.context_tokens)} tokens{own}"),
        ("concurrency", f"{requests} of that length; {held}"),
    ]
    if plan.disk_bytes:
        facts.append(("disk a node", format_gib(plan.disk_bytes)))
    if plan.instance is not None:
        facts.append(("price", _price(plan)))
    if plan.start_up is not None:
        facts.append(("start-up", _start_up(plan.start_up)))
    return facts


def _place(plan: Plan) -> tuple[tuple[str, str], ...]:
    """The machines and how they are used; nothing where there is no GPU."""
    instance = plan.instance
    if instance is None:
        return ()
    return (
        ("instance", f"{instance.name} ({instance.cloud}, {instance.gpus} x {instance.gpu})"),
        ("nodes", str(plan.nodes)),
        ("GPUs a pod", f"{plan.gpus_per_node} of the node's {instance.gpus}"),
        ("parallelism", spread_in_words(plan.parallelism) or "none: one GPU holds it"),
    )


def _price(plan: Plan) -> str:
    if plan.price is None:
        return "not known: no public list that we can name has this type"
    total = f"${format_price(price_of(plan))} an hour"
    each = f" ({plan.nodes} x ${format_price(plan.price.usd_per_hour)})" if plan.nodes > 1 else ""
    return f"{total}{each}, on demand in {plan.price.region} on {plan.price.as_of}"


def _start_up(start: StartUp) -> str:
    stages = (
        ("node", start.node),
        ("image", start.image),
        ("weights", start.weights),
        ("load", start.load),
        ("engine", start.engine),
    )
    shown = ", ".join(f"{name} {format_seconds(seconds)}" for name, seconds in stages if seconds)
    return f"about {format_seconds(start.total)}: {shown}"


def format_seconds(seconds: int) -> str:
    """Seconds below two minutes, else minutes."""
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"


def _render_facts(facts: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"{name:<12} {value}" for name, value in facts)


def _wrapped(line: str) -> str:
    if not sys.stdout.isatty():
        return f"  {line}"
    width = max(shutil.get_terminal_size().columns, 40)
    return textwrap.fill(line, width, initial_indent="  ", subsequent_indent="    ")
