"""Turns an OpenAI request body into what transformers' serving handlers take. Pure.

Those handlers read sampling options from `generation_config`, a JSON text of transformers' own
GenerationConfig; under continuous batching only temperature, top_p and top_k are a request's own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kaito.base.errors import UsageError

GENERATION_FIELDS = {
    "max_tokens": "max_new_tokens",
    "max_completion_tokens": "max_new_tokens",
    "min_tokens": "min_new_tokens",
    "repetition_penalty": "repetition_penalty",
    "stop": "stop_strings",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
}
"""OpenAI's names, and vLLM's for what OpenAI lacks, to transformers'."""

_OF_THE_BATCH = ("min_tokens", "repetition_penalty", "stop", "seed", "frequency_penalty")
"""What continuous batching cannot do for one request alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How one request of a batch picks its tokens."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 50

    def to_arguments(self) -> dict[str, float | int]:
        """Under the names of transformers' continuous batching."""
        return {"temperature": self.temperature, "top_p": self.top_p, "top_k": self.top_k}


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
        temperature=float(temperature),
        top_p=float(_first(body.get("top_p"), defaults.get("top_p"), 1.0)),
        top_k=int(_first(body.get("top_k"), defaults.get("top_k"), 50)),
    )


def to_handler_body(body: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """`body` with every generation option moved into `generation_config`."""
    generation = dict(defaults)
    for name, field in GENERATION_FIELDS.items():
        if body.get(name) is not None:
            generation[field] = body[name]
    if to_sampling(body, defaults) == GREEDY:
        # GenerationConfig warns about sampling options where nothing is sampled.
        generation |= {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    else:
        generation["do_sample"] = True
    rest = {name: value for name, value in body.items() if name not in GENERATION_FIELDS}
    return {**rest, "generation_config": json.dumps(generation)}


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
