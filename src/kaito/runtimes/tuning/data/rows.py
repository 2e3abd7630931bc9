"""Rows of every known layout as a conversation, a prompt with its answer, or text.

    messages                        conversation, as chat clients write it
    conversations                   the same as ShareGPT writes it (from/value)
    prompt, completion              texts, or lists of messages
    instruction, input, output      Alpaca's
    text                            bare
    columns that DatasetConfig names

Capital letters in usual names do not matter, and numbers are text as they are written. A
conversation may be JSON in a text, for CSV has nothing else. A row that fits none says why, and is
not trained on.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from kaito.base.suggest import did_you_mean
from kaito.runtimes.tuning.errors import SettingRefused

_ROLES: Final = {
    "human": "user",
    "user": "user",
    "prompter": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}
_CALLS: Final = ("tool_calls", "function_call")
"""Beside a message's content: left out, an empty answer would be taught in their place."""
_PAIRS: Final = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("query", "response"),
    ("instruction", "response"),
    ("context", "response"),
    ("input", "output"),
    ("user", "assistant"),
)
_TEXTS: Final = ("text", "content")
_DEFAULT_RESPONSE: Final = "text"
"""Of `response_column`, in KAITO (spec section 4.4)."""
NO_SHAPE: Final = "has no messages, prompt and completion, or text"
"""Said of a row whose columns mean nothing to us."""
_NAME_SHOWN: Final = 40
_KINDS: Final[dict[type, str]] = {
    bytes: "binary data",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    float: "no number",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A conversation whose assistant turns are to be learned."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A prompt and what is to follow it."""

    prompt: str
    completion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """All of it is to be learned."""

    text: str


Sample = Chat | Pair | Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns that DatasetConfig names; empty ones are found by the usual names."""

    messages: str = ""
    context: str = ""
    response: str = ""

    @property
    def named(self) -> tuple[str, ...]:
        """Those that are given."""
        return tuple(name for name in (self.messages, self.context, self.response) if name)


class Unusable(Exception):
    """Why a row cannot be trained on, without its number."""


def check_columns(columns: Columns, present: Iterable[str]) -> None:
    """Refuse settings that name a column the data does not have."""
    known = sorted(present)
    is_half = columns.context and not columns.response and not columns.messages
    if is_half and _DEFAULT_RESPONSE not in known:
        raise SettingRefused(
            "DatasetConfig.context_column needs response_column beside it",
            hint=f"its columns are {', '.join(known[:12])}",
        )
    for name in columns.named:
        if name not in known:
            guess = did_you_mean(name, known)
            raise SettingRefused(
                f"DatasetConfig names a column {name!r} that the data does not have",
                hint=guess or f"its columns are {', '.join(known[:12])}",
            )


def to_sample(value: Mapping[str, object], columns: Columns) -> Sample:
    """The row's shape; `Unusable` says why it has none."""
    if columns.messages:
        return _chat(value.get(columns.messages), columns.messages)
    if columns.context:
        return _pair(value, columns.context, columns.response or _DEFAULT_RESPONSE)
    if columns.response:
        return _text(value.get(columns.response), columns.response)
    return _by_usual_names(value)


def _by_usual_names(row: Mapping[str, object]) -> Sample:
    value = row
    if not all(name.islower() for name in map(str, row)):
        value = {**{str(name).strip().lower(): entry for name, entry in row.items()}, **row}
    for name in ("messages", "conversations", "conversation"):
        if value.get(name) is not None:
            return _chat(value[name], name)
    if "instruction" in value and "output" in value:
        return _alpaca(value)
    for prompt, completion in _PAIRS:
        if prompt in value and completion in value:
            return _pair(value, prompt, completion)
    for name in _TEXTS:
        if name in value:
            return _text(value[name], name)
    if "chosen" in value and "rejected" in value:
        raise Unusable("has answers that are chosen or rejected: preferences are not trained on")
    names = ", ".join(sorted(str(name)[:_NAME_SHOWN] for name in row)[:8]) or "none"
    raise Unusable(f"{NO_SHAPE}; its columns are {names}")


def _chat(value: object, name: str) -> Chat:
    if isinstance(value, str):
        value = _decoded(value, name)
    if not isinstance(value, list | tuple) or not value:
        raise Unusable(f"has no list of messages in {name!r}")
    messages = tuple(_message(entry) for entry in value)
    answers = [index for index, one in enumerate(messages) if one.role == "assistant"]
    written = [index for index in answers if messages[index].content.strip()]
    if not written:
        raise Unusable("has no answer of an assistant")
    # What comes after the last answer teaches nothing; a template's empty last turn is none.
    last = written[-1]
    if any(index < last and index not in written for index in answers):
        raise Unusable("has an empty answer of the assistant, which would be learned")
    if messages[0].role == "assistant":
        raise Unusable("begins with an answer of the assistant: nothing was asked")
    return Chat(messages=messages[: last + 1])


def _decoded(text: str, name: str) -> object:
    """A conversation that is JSON in a text."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise Unusable(f"has text in {name!r} that is not a list of messages as JSON") from None


def _message(entry: object) -> Message:
    if not isinstance(entry, Mapping):
        raise Unusable("has a message that is no object with role and content")
    said = entry.get("role", entry.get("from"))
    if not said:
        raise Unusable("has a message without a role")
    role = _ROLES.get(str(said).lower())
    if role is None:
        raise Unusable(f"has a message of an unknown role {str(said)[:20]!r}")
    if any(entry.get(name) for name in _CALLS):
        raise Unusable("has calls of tools, which are not trained on")
    return Message(role=role, content=_content(entry.get("content", entry.get("value"))))


def _content(value: object) -> str:
    """The text of a message; the list form of chat clients is joined where it is text alone."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _whole(value, "a message")
    if isinstance(value, list | tuple):
        parts = [part.get("text") for part in value if isinstance(part, Mapping)]
        if len(parts) == len(value) and all(isinstance(part, str) for part in parts):
            return _whole("".join(str(part) for part in parts), "a message")
    raise Unusable("has a message whose content is not text")


def _alpaca(value: Mapping[str, object]) -> Pair:
    instruction = _string(value["instruction"], "instruction")
    given = value.get("input")
    is_nothing = given is None or (isinstance(given, str) and not given.strip())
    extra = "" if is_nothing else _string(given, "input").strip()
    prompt = f"{instruction}\n\n{extra}" if extra else instruction
    return Pair(prompt=prompt, completion=_string(value["output"], "output"))


def _pair(value: Mapping[str, object], prompt: str, completion: str) -> Sample:
    first, second = value.get(prompt), value.get(completion)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return _chat([*first, *second], completion)
    return Pair(prompt=_string(first, prompt), completion=_string(second, completion))


def _text(value: object, name: str) -> Text:
    return Text(text=_string(value, name))


def _string(value: object, name: str) -> str:
    if value is None:
        raise Unusable(f"has nothing in {name!r}")
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return str(value)
    if not isinstance(value, str):
        raise Unusable(f"has {_KINDS.get(type(value), type(value).__name__)} in {name!r}, not text")
    if not value.strip():
        raise Unusable(f"has nothing in {name!r}")
    if "\x00" in value:
        raise Unusable(f"has binary data in {name!r}")
    return _whole(value, repr(name))


def _whole(text: str, where: str) -> str:
    """The text, if it is one: JSON can spell halves of characters, which nothing can write."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Unusable(f"has half a character in {where}") from None
    return text
