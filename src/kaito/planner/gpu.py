"""The planner for machines with GPUs: one instance type, and what to take where it does not do."""

from dataclasses import replace

from kaito.planner.on_instance import plan_on_instance
from kaito.planner.plan import INVALID_DEMAND, Plan, PlanRequest, Refusal
from kaito.planner.search import Ranked, rank_instances

_NAMED = 3
"""Types that a refusal's message names; all of them are in `Refusal.fits`."""


def plan_on_gpus(request: PlanRequest) -> Plan | Refusal:
    """The plan on the instance type of the request, with as few GPUs and nodes as will do.

    A refusal for want of memory or of a fitting accelerator names the types that would do, of the
    same cloud where the cloud has any.
    """
    outcome = plan_on_instance(request)
    if isinstance(outcome, Plan) or outcome.reason == INVALID_DEMAND or request.instance is None:
        return outcome
    ranked = rank_instances(request)
    own = tuple(each for each in ranked if each.instance.cloud == request.instance.cloud)
    return with_fits(outcome, own or ranked)


def with_fits(refusal: Refusal, ranked: tuple[Ranked, ...]) -> Refusal:
    """The refusal with the types that would do, the cheapest first."""
    if not ranked:
        advice = "no instance type we know fits it: ask for less context, or a smaller model"
        return replace(refusal, message=f"{refusal.message}; {advice}")
    named = ", ".join(_in_words(each) for each in ranked[:_NAMED])
    return Refusal(
        refusal.reason,
        f"{refusal.message}; cheapest that fits: {named}",
        tuple(each.instance.name for each in ranked),
    )


def _in_words(ranked: Ranked) -> str:
    nodes = f"{ranked.plan.nodes} x " if ranked.plan.nodes > 1 else ""
    price = "price unknown" if ranked.usd_per_hour is None else f"{ranked.usd_per_hour:.2f} USD/h"
    return f"{nodes}{ranked.instance.name} ({price})"
