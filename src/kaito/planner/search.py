"""Which instance types a model fits on, the cheapest first.

A plan is made once for each kind of GPU and number of them; machines that differ in the rest take
it over with their own price, network and disks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from kaito.catalog.accelerator import Accelerator
from kaito.catalog.instance_type import Cloud, InstanceType, MigSlices
from kaito.catalog.instances import INSTANCE_TYPES
from kaito.planner.assembly import settle
from kaito.planner.demand_check import refuse_demand
from kaito.planner.devices import devices_of
from kaito.planner.on_instance import plan_on_devices
from kaito.planner.plan import Plan, PlanRequest, Refusal


@dataclass(frozen=True, slots=True)
class Ranked:
    """A plan and what all its nodes cost together."""

    plan: Plan
    usd_per_hour: Decimal | None
    """None: no public list has the type."""

    @property
    def instance(self) -> InstanceType:
        """The type it is for."""
        assert self.plan.instance is not None
        return self.plan.instance


def rank_instances(
    request: PlanRequest,
    instances: Iterable[InstanceType] = INSTANCE_TYPES,
    *,
    cloud: Cloud | None = None,
) -> tuple[Ranked, ...]:
    """Plans on all of the types that the model fits on: by price, then nodes, GPUs and name.

    Types without a known price come last. `request.instance` does not count.
    """
    if refuse_demand(request):
        return ()
    planned: dict[tuple[Accelerator, int, tuple[MigSlices, ...]], Plan | Refusal | None] = {}
    found = []
    for instance in instances:
        if cloud is not None and instance.cloud != cloud:
            continue
        kind = (instance.accelerator, instance.gpus, instance.mig)
        if kind not in planned:
            planned[kind] = plan_on_devices(request, devices_of(instance))
        plan = planned[kind]
        if isinstance(plan, Plan):
            settled = settle(plan, request, instance)
            found.append(Ranked(settled, price_of(settled)))
    return tuple(sorted(found, key=_order))


def best_instance(
    request: PlanRequest,
    instances: Iterable[InstanceType] = INSTANCE_TYPES,
    *,
    cloud: Cloud | None = None,
) -> Ranked | None:
    """The first of them, or None when the model fits on none."""
    return next(iter(rank_instances(request, instances, cloud=cloud)), None)


def price_of(plan: Plan) -> Decimal | None:
    """US dollars an hour for all nodes of a plan."""
    return plan.price.usd_per_hour * plan.nodes if plan.price else None


def _order(ranked: Ranked) -> tuple[bool, Decimal, int, int, str]:
    plan, price = ranked.plan, ranked.usd_per_hour
    return (
        price is None,
        price or Decimal(0),
        plan.nodes,
        plan.nodes * plan.gpus_per_node,
        ranked.instance.name,
    )
