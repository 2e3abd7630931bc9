"""The ranking of instance types."""

from decimal import Decimal

from kaito.catalog.instances import INSTANCE_TYPES
from kaito.catalog.lookup import find_preset
from kaito.planner.plan import Demand, PlanRequest
from kaito.planner.search import Ranked, best_instance, price_of, rank_instances


def ask(model: str, demand: Demand | None = None) -> PlanRequest:
    preset = find_preset(model)
    assert preset is not None
    assert preset.facts is not None
    return PlanRequest(preset=preset, facts=preset.facts, demand=demand or Demand())


def order(ranked: Ranked) -> tuple[bool, Decimal, int, int]:
    price, plan = ranked.usd_per_hour, ranked.plan
    return (price is None, price or Decimal(0), plan.nodes, plan.nodes * plan.gpus_per_node)


def test_types_come_by_price_then_nodes_then_gpus_and_unknown_prices_last() -> None:
    ranked = rank_instances(ask("llama-3.3-70b-instruct"))
    assert len(ranked) > 20
    assert [order(each) for each in ranked] == sorted(order(each) for each in ranked)
    assert ranked[-1].usd_per_hour is None


def test_all_nodes_are_paid_for() -> None:
    ranked = rank_instances(ask("deepseek-r1-0528"))
    many = next(each for each in ranked if each.plan.nodes > 1 and each.plan.price)
    assert many.plan.price is not None
    assert many.usd_per_hour == many.plan.price.usd_per_hour * many.plan.nodes


def test_one_cloud_is_searched_when_it_is_named() -> None:
    ranked = rank_instances(ask("phi-4"), cloud="gcp")
    assert ranked
    assert {each.instance.cloud for each in ranked} == {"gcp"}


def test_the_best_is_the_first() -> None:
    ranked = rank_instances(ask("phi-4"), cloud="azure")
    assert best_instance(ask("phi-4"), cloud="azure") == ranked[0]
    assert price_of(ranked[0].plan) == ranked[0].usd_per_hour


def test_each_type_has_a_plan_of_its_own() -> None:
    ranked = rank_instances(ask("phi-4"))
    assert {each.plan.instance for each in ranked} <= set(INSTANCE_TYPES)
    assert len({each.instance.name for each in ranked}) == len(ranked)


def test_nothing_fits_an_impossible_demand() -> None:
    assert rank_instances(ask("phi-4", Demand(context_tokens=10**6))) == ()
    assert best_instance(ask("phi-4", Demand(context_tokens=16_384, concurrency=10**6))) is None
