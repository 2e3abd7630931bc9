"""Plans as people read them."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.base.quantity import GIB
from kaito.catalog.instances import find_instance_type
from kaito.cli.plan_text import (
    format_price,
    format_seconds,
    render_plan,
    render_ranking,
    render_share,
)
from kaito.planner.plan import MemoryShare, Parallelism, Plan, StartUp
from kaito.planner.search import price_of

SHARE = MemoryShare(
    total=80 * GIB,
    usable=72 * GIB,
    weights=14 * GIB,
    activations=2 * GIB,
    graphs=GIB,
    engine=GIB,
    cache=54 * GIB,
)
PLAN = Plan(
    instance=find_instance_type("Standard_NC48ads_A100_v4"),
    nodes=2,
    gpus_per_node=2,
    parallelism=Parallelism(tensor=2, pipeline=2),
    memory_bytes=32 * GIB,
    kv_cache_bytes=54 * GIB,
    context_tokens=16384,
    cache_tokens=100_000,
    concurrency=6,
    disk_bytes=60 * GIB,
    share=SHARE,
    start_up=StartUp(node=240, image=60, weights=100, load=20, engine=80),
    overrides=("context 16k as asked, instead of 128k",),
    notes=("the nodes are joined by 80 Gbit/s",),
    working=("weights 28 GiB over 2 GPUs",),
)


def test_the_decision_comes_before_its_reasons() -> None:
    text = render_plan(PLAN, model_context=131072)
    decision, share, working, overrides, notes = text.split("\n\n")
    assert decision.splitlines() == [
        "instance     Standard_NC48ads_A100_v4 (azure, 2 x A100-80GB)",
        "nodes        2",
        "GPUs a pod   2 of the node's 2",
        "parallelism  tensor parallel 2 x pipeline 2",
        "runtime      vllm",
        "context      16k tokens of the model's 128k",
        "concurrency  6 requests of that length; the cache holds 100,000 tokens",
        "disk a node  60.0 GiB",
        decision.splitlines()[8],
        "start-up     about 8 min: node 4 min, image 60 s, weights 100 s, load 20 s, engine 80 s",
    ]
    assert share.startswith("Memory of the fullest GPU:\n")
    assert working == "Arithmetic:\n  weights 28 GiB over 2 GPUs"
    assert overrides == "Overrides:\n  context 16k as asked, instead of 128k"
    assert notes == "Notes:\n  the nodes are joined by 80 Gbit/s"


def test_the_price_is_of_all_nodes_with_its_place_and_day() -> None:
    assert PLAN.price is not None
    each = PLAN.price.usd_per_hour
    assert price_of(PLAN) == 2 * each
    text = render_plan(PLAN, model_context=16384)
    price = f"price        ${2 * each:.2f} an hour (2 x ${each:.2f}), on demand in "
    assert f"{price}{PLAN.price.region} on {PLAN.price.as_of}" in text


def test_a_price_that_nobody_lists_is_not_made_up() -> None:
    assert PLAN.instance is not None
    plan = replace(PLAN, instance=replace(PLAN.instance, price=None))
    assert "price        not known" in render_plan(plan, model_context=16384)
    assert price_of(plan) is None
    assert format_price(None) == "?"


def test_what_there_is_not_is_left_out() -> None:
    bare = Plan(memory_bytes=GIB, kv_cache_bytes=GIB, context_tokens=2048, working=())
    text = render_plan(bare, model_context=2048)
    for word in ("instance", "nodes", "price", "start-up", "Memory", "Notes", "of the model's"):
        assert word not in text


@given(st.lists(st.integers(0, 40 * GIB), min_size=5, max_size=5), st.integers(0, 10 * GIB))
def test_the_memory_table_adds_up_as_it_is_printed(parts: list[int], free: int) -> None:
    weights, activations, graphs, engine, cache = parts
    share = MemoryShare(
        total=sum(parts) + free + GIB,
        usable=sum(parts),
        weights=weights,
        activations=activations,
        graphs=graphs,
        engine=engine,
        cache=cache,
    )
    rows = [line for line in render_share(share).splitlines() if " GiB" in line]
    figures = [Decimal(row.partition(" GiB")[0].split()[-1]) for row in rows]
    assert sum(figures[:-1]) == figures[-1]


def test_a_ranking_is_a_line_a_machine_within_80_columns() -> None:
    lines = render_ranking([PLAN, replace(PLAN, nodes=12, context_tokens=100_001)]).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert "Standard_NC48ads_A100_v4   12      2/2 A100-80GB   100,001   6 " in lines[2]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (3600, "60 min")]
)
def test_short_times_are_seconds_and_long_ones_minutes(seconds: int, text: str) -> None:
    assert format_seconds(seconds) == text
