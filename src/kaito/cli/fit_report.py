"""`kaito models list --gpu NAME`: the models with what each would get there."""

from collections.abc import Sequence

from kaito.catalog.preset import Preset
from kaito.cli.fitting import Fit, fit_all, machines_with
from kaito.cli.output import print_document, print_rows
from kaito.cli.plan_documents import ranking_document, refusal_document
from kaito.cli.presets import format_size
from kaito.cli.questions import find_instance
from kaito.cli.tokens import format_tokens
from kaito.planner.plan import Refusal

_HEADINGS = ("name", "size", "fits", "gpus", "nodes", "context", "at once")


def find_fits(presets: Sequence[Preset], *, gpu: str, instance_type: str) -> tuple[Fit, ...]:
    """How each model runs on that instance type, else on machines with that GPU."""
    machine = find_instance(instance_type)
    return fit_all(presets, (machine,) if machine else machines_with(gpu))


def print_fits(fits: Sequence[Fit], documents: Sequence[dict[str, object]], output: str) -> None:
    """Print them in the form that is asked for; `documents` are the models' own."""
    if output in ("json", "yaml"):
        both = zip(documents, fits, strict=True)
        print_document([{**document, **_to_document(fit)} for document, fit in both], output)
    elif output == "name":
        print("\n".join(fit.preset.name for fit in fits if fit.plan))
    else:
        print_rows(_HEADINGS, [_row(fit) for fit in fits])


def _to_document(fit: Fit) -> dict[str, object]:
    refusal = fit.outcome if isinstance(fit.outcome, Refusal) else None
    return {
        "plan": ranking_document(fit.plan) if fit.plan else None,
        "refusal": refusal_document(refusal) if refusal else None,
    }


def _row(fit: Fit) -> tuple[str, ...]:
    name, size, plan = fit.preset.name, format_size(fit.preset.facts), fit.plan
    if plan is None:
        return name, size, "no", "-", "-", "-", "-"
    return (
        name,
        size,
        "yes",
        str(plan.gpus_per_node),
        str(plan.nodes),
        format_tokens(plan.context_tokens),
        str(plan.concurrency),
    )
