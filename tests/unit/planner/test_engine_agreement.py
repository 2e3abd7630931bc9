"""The planner beside what the engine said when it was last asked, at full size, in no time."""

import pytest
from engine_record import Row, is_close, plan_of, read_record

from kaito.catalog.lookup import find_preset

ROWS = [row for row in read_record().rows if not row.plan_tokens]
FIGURES = [row for row in ROWS if row.tokens]
REFUSALS = [row for row in ROWS if row.refusal]


def name_of(row: Row) -> str:
    return f"{row.model}, {row.kind}, {row.tensor_parallel}"


def test_every_kind_of_attention_was_asked_about() -> None:
    kinds = " ".join(row.kind for row in read_record().rows)
    for kind in ("MHA", "GQA", "MQA", "MLA", "sliding window", "Mamba-2", "delta net", "MoE"):
        assert kind in kinds


@pytest.mark.parametrize("row", FIGURES, ids=name_of)
def test_the_cache_holds_the_tokens_that_the_engine_reports(row: Row) -> None:
    assert is_close(plan_of(row).tokens, row.tokens)


@pytest.mark.parametrize("row", [row for row in FIGURES if not row.weights_note], ids=name_of)
def test_the_weights_of_one_gpu_are_what_the_engine_allocates(row: Row) -> None:
    assert is_close(plan_of(row).weights, row.weights)


@pytest.mark.parametrize("row", REFUSALS, ids=name_of)
def test_what_the_engine_refuses_the_planner_does_not_propose(row: Row) -> None:
    preset = find_preset(row.model)
    assert preset is not None
    assert preset.facts is not None
    assert not preset.facts.can_split(row.tensor_parallel)
