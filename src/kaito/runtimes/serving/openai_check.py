"""What is wrong with an OpenAI request body, before the transformers runtime begins with it. Pure.

What would be ignored without a word is refused too: an answer that is not what was asked for looks
like one that is.
"""

import sys
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final

from kaito.base.errors import UsageError

MAX_STOPS: Final = 16
_USE_VLLM: Final = "vLLM, the other runtime, has it; leave it out here"
_NEUTRAL: Final[dict[str, tuple[object, ...]]] = {
    "n": (1,),
    "best_of": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "presence_penalty": (0,),
    "echo": (False,),
    "suffix": ("",),
    "response_format": ({"type": "text"},),
    "tool_choice": ("auto", "none"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "audio": (),
    "modalities": (["text"],),
    "prediction": (),
    "web_search_options": (),
    "background": (False,),
    "max_tool_calls": (),
    "previous_response_id": (),
    "chat_template": (),
    "text": ({"format": {"type": "text"}},),
}
"""Options that are not supported, and the values of them that ask for nothing."""


def require_sound(body: object, *, is_chat: bool) -> dict[str, Any]:
    """The body of a chat or a completion; `UsageError` names what is wrong with it."""
    sound = require_options(body)
    if is_chat:
        _require_messages(sound.get("messages"))
    elif not (isinstance(sound.get("prompt"), str) and sound["prompt"]):
        raise UsageError("'prompt' has to be one text that is not empty")
    return sound


def require_options(body: object) -> dict[str, Any]:
    """The body, whose options are those of every endpoint; `UsageError` as above."""
    if not isinstance(body, dict):
        raise UsageError("the request body has to be an object")
    for name, (is_sound, wanted) in _NUMBERS.items():
        value = body.get(name)
        if value is not None and not (_is_number(value) and is_sound(value)):
            raise UsageError(f"{name!r} has to be {wanted}, not {_show(value)}")
    _require_flags(body)
    _require_stops(body.get("stop"))
    for name, neutral in _NEUTRAL.items():
        value = body.get(name)
        if value is not None and value not in neutral:
            raise UsageError(
                f"{name}={_show(value)} is not supported by the transformers runtime",
                hint=_USE_VLLM,
            )
    return body


def require_text_only(body: Mapping[str, Any]) -> None:
    """Raise `UsageError` for a part of a message that a model of text alone would not see."""
    for number, message in enumerate(body.get("messages", ())):
        for part in message.get("content") or ():
            if isinstance(part, dict) and part["type"] != "text":
                where = f"messages[{number}]"
                raise UsageError(f"{where} has a part {part['type']!r}: this model takes text only")


def _require_flags(body: Mapping[str, Any]) -> None:
    for name in ("stream", "ignore_eos"):
        if not isinstance(body.get(name), bool | None):
            raise UsageError(f"{name!r} has to be true or false, not {_show(body[name])}")
    options = body.get("stream_options")
    if not isinstance(options, dict | None):
        raise UsageError(f"'stream_options' has to be an object, not {_show(options)}")
    _require_template_kwargs(body.get("chat_template_kwargs"))
    for name in ("tools", "messages"):
        if not isinstance(body.get(name), list | None):
            raise UsageError(f"{name!r} has to be a list, not {_show(body[name])}")


def _require_template_kwargs(given: object) -> None:
    if not isinstance(given, dict | None):
        raise UsageError(f"'chat_template_kwargs' has to be an object, not {_show(given)}")
    if refused := sorted(_FORBIDDEN_KWARGS & set(given or ())):
        raise UsageError(f"chat_template_kwargs may not have {refused[0]!r}")


def _require_stops(stop: object) -> None:
    stops = stop if isinstance(stop, list) else [stop]
    if stop is not None and not all(isinstance(one, str) for one in stops):
        raise UsageError(f"'stop' has to be a text or a list of texts, not {_show(stop)}")
    if len(stops) > MAX_STOPS:
        raise UsageError(f"'stop' has {len(stops)} texts; {MAX_STOPS} are the most")


def _require_messages(messages: object) -> None:
    if not (isinstance(messages, list) and messages):
        raise UsageError("'messages' has to be a list with at least one message")
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise UsageError(f"{where} has to be an object with a role")
        _require_content(where, message.get("content"))
        for call in message.get("tool_calls") or ():
            _require_call(where, call)


def _require_content(where: str, content: object) -> None:
    if content is None or isinstance(content, str):
        return
    for part in content if isinstance(content, list) else [None]:
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise UsageError(f"{where}: content has to be a text or a list of parts with a type")
        if part["type"] == "text" and not isinstance(part.get("text"), str):
            raise UsageError(f"{where}: a part of type text has to have a text")


def _require_call(where: str, call: object) -> None:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not {"name", "arguments"} <= set(function):
        raise UsageError(f"{where}: a tool call has to have a function with name and arguments")


def _is_number(value: object) -> bool:
    # In Python a bool is an int.
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _whole(least: int, most: int = sys.maxsize) -> Callable[[float], bool]:
    return lambda value: value == int(value) and least <= value <= most


_FORBIDDEN_KWARGS: Final = frozenset(
    {
        *("conversation", "tools", "chat_template", "add_generation_prompt"),
        *("continue_final_message", "tokenize", "padding", "truncation", "max_length"),
        *("return_tensors", "return_dict", "return_assistant_tokens_mask", "tokenizer_kwargs"),
        *("processor_kwargs", "load_audio_from_video"),
    }
)
"""Parameters of transformers' `apply_chat_template` that are no variables of a template: a template
of a client's own could take for ever, a padding fill the memory."""


_NUMBERS: Final[dict[str, tuple[Callable[[float], bool], str]]] = {
    "temperature": (lambda value: 0 <= value <= 100, "a number from 0 to 100"),
    "top_p": (lambda value: 0 < value <= 1, "a number above 0, up to 1"),
    "top_k": (_whole(-1), "a whole number; -1 and 0: all tokens"),
    "max_tokens": (_whole(1), "a whole number above 0"),
    "max_completion_tokens": (_whole(1), "a whole number above 0"),
    "max_output_tokens": (_whole(1), "a whole number above 0"),
    "min_tokens": (_whole(0), "a whole number from 0"),
    "repetition_penalty": (lambda value: value > 0, "a number above 0"),
    "frequency_penalty": (lambda value: -2 <= value <= 2, "a number from -2 to 2"),
    "seed": (_whole(0), "a whole number from 0"),
}


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
