"""OpenAI's request body as transformers' serving handlers take it."""

import json
from typing import Any

import pytest

from kaito.base.errors import UsageError
from kaito.runtimes.serving.openai_body import (
    GREEDY,
    Sampling,
    Wish,
    require_batchable,
    to_handler_body,
    to_sampling,
    to_wish,
)


@pytest.mark.parametrize(
    ("body", "defaults", "sampling"),
    [
        ({}, {}, GREEDY),
        ({"temperature": 0}, {"do_sample": True}, GREEDY),
        ({"temperature": 0.7}, {}, Sampling(temperature=0.7)),
        ({"top_p": 0.5}, {}, Sampling(top_p=0.5)),
        (
            {},
            {"do_sample": True, "temperature": 0.6, "top_p": 0.9},
            Sampling(temperature=0.6, top_p=0.9),
        ),
        ({"top_k": 3, "temperature": 1.0}, {"top_k": 9}, Sampling(top_k=3)),
        ({"top_k": -1, "temperature": 1.0}, {"top_k": 9}, Sampling(top_k=0)),
        ({"temperature": 1e-9}, {}, Sampling(temperature=0.01)),
    ],
)
def test_a_request_samples_as_asked_or_as_the_model_says(
    body: dict[str, Any], defaults: dict[str, Any], sampling: Sampling
) -> None:
    assert to_sampling(body, defaults) == sampling


def test_generation_options_move_over_the_models_own() -> None:
    body = {"model": "m", "stream": True, "max_completion_tokens": 5, "temperature": 0.5}
    made = to_handler_body(body, {"eos_token_id": 2, "max_new_tokens": 1024})
    assert {key: made[key] for key in ("model", "stream")} == {"model": "m", "stream": True}
    assert json.loads(made["generation_config"]) == {
        "eos_token_id": 2,
        "max_new_tokens": 5,
        "temperature": 0.5,
        "do_sample": True,
    }
    assert set(made) == {"model", "stream", "generation_config"}


@pytest.mark.parametrize(("asked", "meant"), [(0, 100), (7, 7), (1_000_000, 100)])
def test_no_request_of_a_batch_picks_among_more_tokens_than_there_are(
    asked: int, meant: int
) -> None:
    """One that does ends the batch, and all requests in it."""
    assert Sampling(top_k=asked).to_arguments(100)["top_k"] == meant


def test_what_answers_look_for_is_not_the_handlers() -> None:
    body = {
        "stop": "x",
        "stream_options": {"include_usage": True},
        "max_tokens": 5,
        "tools": [{}],
        "tool_choice": "none",
        "ignore_eos": True,
    }
    assert to_wish(body) == Wish(stops=("x",), includes_usage=True, is_bounded=True)
    made = to_handler_body(body, {"eos_token_id": 2})
    assert set(made) == {"generation_config"}
    assert json.loads(made["generation_config"])["eos_token_id"] == -1
    assert to_wish({"stop": ["", "y"], "tools": [{}]}) == Wish(stops=("y",), has_tools=True)


@pytest.mark.parametrize(
    "body",
    [
        {"logit_bias": {"5": 1}},
        {"repetition_penalty": 1.2},
        {"seed": 5},
        {"frequency_penalty": 0.5},
    ],
)
def test_what_a_batch_would_ignore_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        require_batchable(body)
    assert next(iter(body)) in str(caught.value)
    assert "continuous-batching: false" in caught.value.hint


def test_neutral_values_are_fine_in_a_batch() -> None:
    require_batchable({"stop": None, "repetition_penalty": 1.0, "frequency_penalty": 0})


@pytest.mark.parametrize("nothing", [[], None])
def test_a_message_without_calls_keeps_its_text(nothing: object) -> None:
    """As clients send back what they got."""
    told = {"role": "assistant", "content": "Yes.", "tool_calls": nothing}
    body = to_handler_body({"messages": [told]}, {})
    assert body["messages"] == [{"role": "assistant", "content": "Yes."}]


def test_a_call_without_arguments_has_none() -> None:
    call = {"type": "function", "function": {"name": "now", "arguments": ""}}
    body = to_handler_body({"messages": [{"role": "assistant", "tool_calls": [call]}]}, {})
    assert body["messages"][0]["tool_calls"][0]["function"] == {"name": "now", "arguments": "{}"}
