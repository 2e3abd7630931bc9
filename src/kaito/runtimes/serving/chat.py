"""KAITO's `POST /chat` as a translation: its body into the engine's request, the answer back.

    {"prompt": "...", "generate_kwargs": {"max_new_tokens": 64}}  ->  {"Result": "..."}
    {"messages": [{"role": "user", "content": "..."}]}            ->  {"Result": "..."}

Pure. `generate_kwargs` has the names of transformers' `generate`; as there, nothing is sampled
unless asked for.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from kaito.base.errors import UsageError
from kaito.base.suggest import did_you_mean

DEFAULT_MAX_TOKENS = 512

_RENAMED = {
    "max_new_tokens": "max_tokens",
    # Of prompt and answer together in `generate`; here it bounds the answer.
    "max_length": "max_tokens",
    "min_new_tokens": "min_tokens",
    "min_length": "min_tokens",
    "stop_strings": "stop",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "repetition_penalty": "repetition_penalty",
    "seed": "seed",
}
_SAMPLING = ("temperature", "top_p", "top_k")
_NEUTRAL: dict[str, object] = {"num_beams": 1, "num_return_sequences": 1, "typical_p": 1}
"""Accepted at the one value that asks for nothing."""
_IGNORED = ("early_stopping", "pad_token_id", "eos_token_id", "use_cache", "return_full_text")
_KNOWN = (*_RENAMED, "do_sample", *_NEUTRAL, *_IGNORED)


class ChatBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request to `/chat`."""

    prompt: str | None = None
    messages: list[dict[str, Any]] | None = None
    generate_kwargs: dict[str, Any] = {}
    return_full_text: bool = False
    clean_up_tokenization_spaces: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """A request to the engine's own API: where to, and its JSON body."""

    path: str
    body: dict[str, Any]


def parse_chat(raw: bytes) -> ChatBody:
    """Read a body; `UsageError` says what is wrong with it."""
    try:
        body = msgspec.json.decode(raw, type=ChatBody)
    except msgspec.MsgspecError as error:
        raise UsageError(f"the request body is wrong: {error}") from error
    if (body.prompt is None) == (body.messages is None):
        raise UsageError("the request body needs either 'prompt' or 'messages'")
    return body


def to_engine_request(body: ChatBody, *, model: str, has_template: bool) -> EngineRequest:
    """The engine's request for `body`.

    A prompt goes through the chat template as a user's turn where the model has one: an instruct
    model answers it then. A base model completes it.
    """
    parameters = {"model": model, **to_parameters(body.generate_kwargs)}
    if body.messages is None and not has_template:
        return EngineRequest(path="/v1/completions", body={"prompt": body.prompt, **parameters})
    messages = body.messages or [{"role": "user", "content": body.prompt}]
    return EngineRequest(path="/v1/chat/completions", body={"messages": messages, **parameters})


def to_parameters(generate: dict[str, Any]) -> dict[str, Any]:
    """The engine's sampling parameters for `generate_kwargs`; `UsageError` names what is not."""
    parameters: dict[str, Any] = {"max_tokens": DEFAULT_MAX_TOKENS}
    for name, value in generate.items():
        if name not in _KNOWN:
            raise UsageError(
                f"generate_kwargs has {name!r}, which is not supported",
                hint=did_you_mean(name, _KNOWN),
            )
        if name in _NEUTRAL and value not in (None, _NEUTRAL[name]):
            raise UsageError(f"generate_kwargs has {name}={value}; only {_NEUTRAL[name]} works")
        if name in _RENAMED and value is not None:
            parameters[_RENAMED[name]] = value
    asked = any(generate.get(name) is not None for name in _SAMPLING)
    if not generate.get("do_sample", asked):
        for name in _SAMPLING:
            parameters.pop(name, None)
        parameters["temperature"] = 0.0
    return parameters


def to_result(answer: dict[str, Any], body: ChatBody) -> dict[str, str]:
    """`{"Result": text}` from the engine's answer to the request made of `body`."""
    choice = answer["choices"][0]
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    prefix = body.prompt if body.return_full_text and body.prompt else ""
    return {"Result": prefix + (text or "")}
