"""Turns an OpenAI request body into what transformers' serving handlers take. Pure.

Those handlers read sampling options from `generation_config`, a JSON text of transformers' own
GenerationConfig; under continuous batching only temperature, top_p and top_k are a request's own.
What ends a text is not theirs: it is looked for in what they write.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kaito.base.errors import UsageError

GENERATION_FIELDS = {
    "max_tokens": "max_new_tokens",
    "max_completion_tokens": "max_new_tokens",
    "max_output_tokens": "max_new_tokens",
    "min_tokens": "min_new_tokens",
    "repetition_penalty": "repetition_penalty",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
}
"""OpenAI's names, and vLLM's for what OpenAI lacks, to transformers'."""

_OF_THE_BATCH = ("min_tokens", "repetition_penalty", "seed", "frequency_penalty", "logit_bias")
"""What continuous batching cannot do for one request alone."""


_BOUNDS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_OURS = ("stop", "stream_options", "tool_choice", "ignore_eos")
_COLDEST = 0.01
"""As in vLLM: scores divided by less are no numbers any more."""
_NO_TOKEN = -1
"""What no token is, and so no end of a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How one request of a batch picks its tokens."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 50
    """0: all tokens."""

    def to_arguments(self, vocabulary: int) -> dict[str, float | int]:
        """Under the names of transformers' continuous batching.

        More tokens than there are would end the batch, and every request in it.
        """
        top_k = min(self.top_k or vocabulary, vocabulary)
        return {"temperature": self.temperature, "top_p": self.top_p, "top_k": top_k}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one request wants of its answer, beside its tokens."""

    stops: tuple[str, ...] = ()
    includes_usage: bool = False
    """Of a stream: whether it ends with the tokens that it took."""
    is_bounded: bool = False
    """Whether the client said how many tokens it wants; else what fits will do."""
    has_tools: bool = False


# In bfloat16 the most likely token is often two equally likely ones, which top_k keeps both of.
GREEDY = Sampling(top_k=1, top_p=0.0)
"""Always the most likely token."""


def require_batchable(body: Mapping[str, Any]) -> None:
    """Raise `UsageError` for an option that would silently have no effect in a batch."""
    for name in _OF_THE_BATCH:
        is_neutral = name == "repetition_penalty" and body.get(name) == 1
        if body.get(name) and not is_neutral:
            raise UsageError(
                f"{name!r} is not supported while requests are batched",
                hint="set continuous-batching: false under transformers in inference_config.yaml",
            )


def to_sampling(body: Mapping[str, Any], defaults: Mapping[str, Any]) -> Sampling:
    """The sampling that `body` asks for over the model's own generation settings."""
    temperature = body.get("temperature")
    if temperature is None:
        if not defaults.get("do_sample") and body.get("top_p") is None:
            return GREEDY
        temperature = defaults.get("temperature") or 1.0
    if float(temperature) == 0.0:
        return GREEDY
    return Sampling(
        temperature=max(float(temperature), _COLDEST),
        top_p=float(_first(body.get("top_p"), defaults.get("top_p"), 1.0)),
        top_k=max(int(_first(body.get("top_k"), defaults.get("top_k"), 50)), 0),
    )


def to_handler_body(body: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """`body` with every generation option moved into `generation_config`."""
    generation = dict(defaults)
    for name, field in GENERATION_FIELDS.items():
        if body.get(name) is not None:
            generation[field] = body[name]
    sampling = to_sampling(body, defaults)
    if sampling == GREEDY:
        # GenerationConfig warns about sampling options where nothing is sampled.
        generation |= {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    else:
        generation |= {"do_sample": True, "temperature": sampling.temperature}
        generation |= {"top_k": sampling.top_k} if "top_k" in generation else {}
    if body.get("ignore_eos"):
        generation["eos_token_id"] = _NO_TOKEN
    ours = (*GENERATION_FIELDS, *_OURS, *(("tools",) if body.get("tool_choice") == "none" else ()))
    rest = {name: value for name, value in body.items() if name not in ours}
    if isinstance(body.get("messages"), list):
        rest["messages"] = [_to_message(message) for message in body["messages"]]
    return {**rest, "generation_config": json.dumps(generation)}


def _to_message(message: dict[str, Any]) -> dict[str, Any]:
    """As clients send back what a server answered: no calls are an empty list, or null.

    The handlers take any `tool_calls` for a message of calls alone, and drop its text.
    """
    calls = message.get("tool_calls")
    if calls:
        return {**message, "tool_calls": [_to_call(call) for call in calls]}
    return {name: value for name, value in message.items() if name != "tool_calls"}


def _to_call(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {**call, "function": {**function, "arguments": function["arguments"] or "{}"}}


def to_wish(body: Mapping[str, Any]) -> Wish:
    """What of a sound `body` is not the handlers'."""
    stop = body.get("stop") or ()
    options = body.get("stream_options") or {}
    return Wish(
        stops=(stop,) if isinstance(stop, str) else tuple(one for one in stop if one),
        includes_usage=bool(options.get("include_usage")),
        is_bounded=any(body.get(name) is not None for name in _BOUNDS),
        has_tools=bool(body.get("tools")) and body.get("tool_choice") != "none",
    )


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
