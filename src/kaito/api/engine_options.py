"""Judges the engine options of inference_config.yaml without the engine. Pure.

What vLLM knows is data, generated from its own parser (`tools/gen_engine_options.py`): the names,
what a value has to be, the choices. So a mistake is refused where it is made, and a ConfigMap that
changes to nonsense never replaces pods that serve. The parser in the pod has the last word.

A value that YAML reads as a text and vLLM would read as a number (`"4"`) is right, as there.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import msgspec

from kaito.base.suggest import did_you_mean

Form: TypeAlias = Literal["value", "many", "repeat", "switch", "toggle"]
"""value: one. many, repeat: several. switch: present or absent. toggle: --x or --no-x."""
Kind: TypeAlias = Literal["boolean", "integer", "number", "text", "json", "any"]

OURS: Final = frozenset({"model", "host", "port", "uds", "served-model-name"})
"""What the Service and the controller rely on: a config file may not change it."""
ELSEWHERE: Final = frozenset({"config", "headless", "grpc", "api-server-count"})
"""vLLM's options of how its own program starts, which ours is not."""

REPLACED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "swap-space": "remove it: requests that do not fit are computed again; kv-offloading-size "
        "keeps cache in the machine's memory",
        "num-scheduler-steps": "remove it: async-scheduling, on by default, took its place",
        "max-seq-len-to-capture": "use max-cudagraph-capture-size",
        "multi-step-stream-outputs": "use stream-interval",
        "use-v2-block-manager": "remove it: there is only one",
        "preemption-mode": "remove it: preempted requests are computed again",
        "scheduler-delay-factor": "remove it",
        "guided-decoding-backend": "use structured-outputs-config: {backend: ...}",
        "speculative-model": "use speculative-config: {model: ..., num_speculative_tokens: ...}",
        "num-speculative-tokens": "use speculative-config: {num_speculative_tokens: ...}",
        "enable-reasoning": "use reasoning-parser alone",
        "device": "remove it: the engine sees what it runs on",
        "worker-use-ray": "use distributed-executor-backend: ray",
        "engine-use-ray": "remove it",
        "disable-log-requests": "remove it: requests are logged only with enable-log-requests",
        "task": "use runner and convert",
        "rope-scaling": "use hf-overrides: {rope_parameters: ...}",
        "rope-theta": "use hf-overrides: {rope_parameters: ...}",
    }
)
"""Options of vLLM's earlier versions, KAITO's own examples among them, and what to do instead."""

TRANSFORMERS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "continuous-batching": "boolean",
        "attn-implementation": "text",
        "quantization": "text",
        "dtype": "text",
    }
)
"""The options of the transformers runtime."""

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "dtype": ("auto", "bfloat16", "float16", "float32"),
        "quantization": ("bnb-4bit", "bnb-8bit"),
    }
)
"""What some of them may be; of another type a model computes in no way that is of use."""


class Option(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One option of the engine: `name` is its long form without dashes."""

    name: str
    aliases: tuple[str, ...] = ()
    form: Form = "value"
    kind: Kind = "any"
    choices: tuple[str, ...] = ()
    default: bool | int | float | str | None = None
    """None: none, or not the same on every machine."""


class EngineOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Every option of one engine."""

    engine: str
    options: tuple[Option, ...]


def check_vllm_options(options: Mapping[str, object]) -> None:
    """Raise `ValueError`, one line, for the first option that vLLM would not take.

    Names come as `parse_inference_config` spells them.
    """
    known = known_vllm_options()
    for name, value in options.items():
        head, dot, _ = name.partition(".")
        option = known.get(head)
        if option is None:
            raise ValueError(_unknown(name, head, known))
        if option.name in OURS:
            raise ValueError(f"vllm sets {name!r}, which the Workspace decides; remove it")
        if option.name in ELSEWHERE:
            raise ValueError(f"vllm sets {name!r}, which has no meaning in a pod; remove it")
        if not dot and value is not None and (problem := _problem(option, value)):
            raise ValueError(f"vllm sets {name!r} to {_show(value)}; {problem}")


def check_ours(options: Mapping[str, object]) -> None:
    """Raise `ValueError` where options set what the Workspace decides, for an engine not known."""
    for name in options:
        if name.partition(".")[0] in OURS:
            raise ValueError(f"vllm sets {name!r}, which the Workspace decides; remove it")


def check_transformers_options(options: Mapping[str, object]) -> None:
    """Raise `ValueError`, one line, for the first option that the transformers runtime lacks."""
    for name, value in options.items():
        if name not in TRANSFORMERS:
            guess = did_you_mean(name, TRANSFORMERS) or f"known are {', '.join(TRANSFORMERS)}"
            raise ValueError(f"transformers sets {name!r}, which is not known there; {guess}")
        if value is not None and (said := _of_kind(TRANSFORMERS[name], value)):
            raise ValueError(f"transformers sets {name!r} to {_show(value)}; {said}")
        choices = _CHOICES.get(name, ())
        if choices and value is not None and value not in choices:
            known = " or ".join(choices)
            raise ValueError(f"transformers sets {name!r} to {_show(value)}; write {known}")


@cache
def known_vllm_options() -> Mapping[str, Option]:
    """By every spelling, without dashes before it and with `-` for `_`."""
    text = files("kaito.api").joinpath("engine_options.json").read_bytes()
    found = msgspec.json.decode(text, type=EngineOptions)
    return MappingProxyType(
        {name: option for option in found.options for name in (option.name, *option.aliases)}
    )


def _unknown(name: str, head: str, known: Mapping[str, Option]) -> str:
    if head in REPLACED:
        return f"vllm sets {name!r}, which vLLM no longer has; {REPLACED[head]}"
    positive = head.removeprefix("no-")
    if positive != head and positive in known:
        return f"vllm sets {name!r}; write {positive}: false"
    guess = did_you_mean(head, known) or "see docs/reference/engine-options.md"
    return f"vllm sets {name!r}, which vLLM does not know; {guess}"


def _problem(option: Option, value: object) -> str:
    """What is wrong with a value; empty when the engine's parser takes it."""
    if option.form in {"switch", "toggle"}:
        return "" if isinstance(value, bool) else "write true or false"
    if option.form in {"many", "repeat"}:
        values = value if isinstance(value, list) else [value]
        said = (_of_one(option, each) for each in values)
        return next((problem for problem in said if problem), "")
    return _of_one(option, value)


def _of_one(option: Option, value: object) -> str:
    if problem := _of_kind(option.kind, value):
        return problem
    if option.choices and _spelled(value) not in option.choices:
        guess = did_you_mean(_spelled(value), option.choices)
        return guess or f"choose among {', '.join(option.choices)}"
    return ""


def _of_kind(kind: Kind, value: object) -> str:
    match kind:
        case "boolean":
            return "" if isinstance(value, bool) else "write true or false"
        case "integer":
            return "" if _is_integer(value) else "write a whole number"
        case "number":
            return "" if _is_number(value) else "write a number"
        case "text":
            return "write a text" if isinstance(value, list | dict) else ""
        case "json":
            return "" if _is_json(value) else "write a map, such as {key: value}"
        case _:
            return ""


def _is_integer(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return True
    # Such as 4k or auto: which texts mean a number is the engine's to say.
    return isinstance(value, str) and (value in {"auto", "None", ""} or _starts_as_number(value))


def _starts_as_number(text: str) -> bool:
    digits = text.strip().removeprefix("-").rstrip("kKmMgGtT")
    return digits.replace(".", "", 1).replace("_", "").isdigit()


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return value == "None"
        return True
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_json(value: object) -> bool:
    if not isinstance(value, str):
        return isinstance(value, dict | list)
    try:
        found: Any = json.loads(value)
    except ValueError:
        # vLLM also takes short forms of some of its maps, such as a level.
        return bool(value) and value[0] not in "{["
    return found is not None


def _spelled(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
