"""KAITO's `/chat` body as the engine's request, and the answer back."""

from typing import Any

import msgspec
import pytest

from kaito.base.errors import UsageError
from kaito.runtimes.serving.chat import (
    DEFAULT_MAX_TOKENS,
    ChatBody,
    parse_chat,
    to_engine_request,
    to_parameters,
    to_result,
)


def test_an_instruct_model_answers_a_prompt_as_a_turn() -> None:
    request = to_engine_request(ChatBody(prompt="Hi"), model="m", has_template=True)
    assert request.path == "/v1/chat/completions"
    assert request.body["messages"] == [{"role": "user", "content": "Hi"}]
    assert request.body["model"] == "m"


def test_a_base_model_completes_a_prompt() -> None:
    request = to_engine_request(ChatBody(prompt="Hi"), model="m", has_template=False)
    assert request.path == "/v1/completions"
    assert request.body["prompt"] == "Hi"


def test_messages_are_passed_on_as_they_are() -> None:
    messages = [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}]
    request = to_engine_request(ChatBody(messages=messages), model="m", has_template=True)
    assert request.body["messages"] == messages


@pytest.mark.parametrize(
    ("generate", "parameters"),
    [
        ({}, {"max_tokens": DEFAULT_MAX_TOKENS, "temperature": 0.0}),
        ({"max_new_tokens": 5}, {"max_tokens": 5, "temperature": 0.0}),
        ({"max_length": 7}, {"max_tokens": 7, "temperature": 0.0}),
        ({"temperature": 0.7}, {"max_tokens": DEFAULT_MAX_TOKENS, "temperature": 0.7}),
        ({"do_sample": True}, {"max_tokens": DEFAULT_MAX_TOKENS}),
        (
            {"do_sample": False, "temperature": 0.7, "top_k": 5},
            {"max_tokens": DEFAULT_MAX_TOKENS, "temperature": 0.0},
        ),
        (
            {"top_k": 5, "top_p": 0.9, "repetition_penalty": 1.1, "num_beams": 1},
            {"max_tokens": DEFAULT_MAX_TOKENS, "top_k": 5, "top_p": 0.9, "repetition_penalty": 1.1},
        ),
    ],
)
def test_generate_kwargs_become_the_engines_parameters(
    generate: dict[str, Any], parameters: dict[str, Any]
) -> None:
    assert to_parameters(generate) == parameters


@pytest.mark.parametrize(
    ("generate", "message", "hint"),
    [
        ({"temprature": 1}, "'temprature', which is not supported", "did you mean temperature"),
        ({"num_beams": 4}, "num_beams=4; only 1 works", ""),
    ],
)
def test_what_cannot_be_done_is_named(generate: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        to_parameters(generate)
    assert message in str(caught.value)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{", "the request body is wrong"),
        (b'{"promt": "x"}', "unknown field `promt`"),
        (b"{}", "either 'prompt' or 'messages'"),
        (b'{"prompt": "x", "messages": []}', "either 'prompt' or 'messages'"),
        (b'{"prompt": 1}', "$.prompt"),
    ],
)
def test_a_wrong_body_says_what_is_wrong(raw: bytes, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_chat(raw)
    assert message in str(caught.value)


def test_the_answers_text_is_the_result() -> None:
    body = parse_chat(msgspec.json.encode({"prompt": "2+2="}))
    chat = {"choices": [{"message": {"content": "4"}}]}
    assert to_result(chat, body) == {"Result": "4"}
    full = parse_chat(b'{"prompt": "2+2=", "return_full_text": true}')
    assert to_result({"choices": [{"text": "4"}]}, full) == {"Result": "2+2=4"}
