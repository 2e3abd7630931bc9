"""The ways to spread a model, in the order they are tried."""

import pytest

from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import ModelFacts
from kaito.planner.parallelism import spreads
from kaito.planner.plan import Demand


def model(heads: int, kv_heads: int = 1, layers: int = 32) -> ModelFacts:
    return ModelFacts(
        architecture="A",
        weights_bytes=1,
        context_tokens=1,
        attention_heads=heads,
        layers=layers,
        cache=(HeadLayers(layers=layers, kv_heads=kv_heads, key_size=64),),
    )


def tried(facts: ModelFacts, gpus: int, demand: Demand | None = None) -> list[tuple[int, ...]]:
    found = spreads(facts, demand or Demand(), gpus, most_nodes=3)
    return [
        (way.parallelism.tensor, way.parallelism.pipeline, way.parallelism.data, way.nodes)
        for way in found
    ]


@pytest.mark.parametrize(
    ("facts", "gpus", "ways"),
    [
        (
            model(32, 8),
            8,
            [(1, 1, 1, 1), (2, 1, 1, 1), (4, 1, 1, 1), (8, 1, 1, 1), (8, 2, 1, 2), (8, 3, 1, 3)],
        ),
        (model(32, 8), 1, [(1, 1, 1, 1), (1, 2, 1, 2), (1, 3, 1, 3)]),
        # 71 heads divide by nothing, so layers are split within the node too.
        (
            model(71),
            4,
            [(1, 1, 1, 1), (1, 2, 1, 1), (1, 4, 1, 1), (1, 8, 1, 2), (1, 12, 1, 3)],
        ),
        # 14 heads divide by 2; four GPUs are two stages of two.
        (
            model(14, 2),
            4,
            [(1, 1, 1, 1), (2, 1, 1, 1), (2, 2, 1, 1), (2, 4, 1, 2), (2, 6, 1, 3)],
        ),
        # Six GPUs and heads that divide by six: all of them.
        (
            model(48, 6),
            6,
            [(1, 1, 1, 1), (2, 1, 1, 1), (2, 2, 1, 1), (6, 1, 1, 1), (6, 2, 1, 2), (6, 3, 1, 3)],
        ),
        # A pipeline of more stages than layers is none.
        (model(71, layers=2), 4, [(1, 1, 1, 1), (1, 2, 1, 1)]),
    ],
)
def test_fewer_gpus_come_first_and_heads_are_split_before_layers(
    facts: ModelFacts, gpus: int, ways: list[tuple[int, ...]]
) -> None:
    assert tried(facts, gpus) == ways


@pytest.mark.parametrize(
    ("demand", "ways"),
    [
        (Demand(tensor_parallel=4), [(4, 1, 1, 1), (4, 2, 1, 1), (4, 4, 1, 2), (4, 6, 1, 3)]),
        (Demand(pipeline_parallel=2), [(1, 2, 1, 1), (2, 2, 1, 1), (4, 2, 1, 1), (8, 2, 1, 2)]),
        (Demand(tensor_parallel=8, pipeline_parallel=4), [(8, 4, 1, 4)]),
        (Demand(tensor_parallel=2, pipeline_parallel=2), [(2, 2, 1, 1), (2, 2, 1, 2)]),
        (Demand(data_parallel=2), [(1, 1, 2, 1), (2, 1, 2, 1), (4, 1, 2, 1)]),
        (Demand(data_parallel=16), []),
    ],
)
def test_a_demand_leaves_only_what_agrees_with_it(
    demand: Demand, ways: list[tuple[int, ...]]
) -> None:
    assert tried(model(32, 8), 8, demand) == ways
