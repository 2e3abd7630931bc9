"""Answers in OpenAI's form, whole and in chunks, of what an engine has written. Pure.

https://platform.openai.com/docs/api-reference/chat/object and …/completions/object. Reasoning goes
under the name that vLLM gives it.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

Finish: TypeAlias = Literal["stop", "length", "tool_calls"]
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of an answer: one of its kinds is filled."""

    text: str = ""
    reasoning: str = ""
    call: tuple[str, str] | None = None
    """The function and its arguments, which are JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens."""

    prompt: int
    completion: int

    def to_object(self) -> dict[str, int]:
        """As it is answered."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the answer to one request looks; `created` in seconds since 1970."""

    is_chat: bool
    id: str
    model: str
    created: int

    def start(self) -> bytes:
        """The event before the first piece; empty where there is none."""
        if not self.is_chat:
            return b""
        return self._event([{"index": 0, "delta": {"role": "assistant", "content": ""}}])

    def chunk(self, piece: Piece, *, calls_before: int) -> bytes:
        """The event of a piece."""
        if not self.is_chat:
            return self._event([{"index": 0, "text": piece.text, "finish_reason": None}])
        delta: dict[str, Any] = {"content": piece.text}
        if piece.call is not None:
            delta = {"tool_calls": [self._call(piece.call, calls_before)]}
        elif piece.reasoning:
            delta = {"reasoning": piece.reasoning}
        return self._event([{"index": 0, "delta": delta, "finish_reason": None}])

    def end(self, finish: Finish, usage: Usage | None) -> bytes:
        """The last events; `usage` where it was asked for."""
        written: dict[str, Any] = {"delta": {}} if self.is_chat else {"text": ""}
        events = self._event([{"index": 0, **written, "finish_reason": finish}])
        if usage is not None:
            events += self._event([], usage=usage.to_object())
        return events + DONE

    def whole(self, pieces: list[Piece], finish: Finish, usage: Usage) -> dict[str, Any]:
        """The answer in one."""
        text = "".join(piece.text for piece in pieces)
        choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": finish}
        if self.is_chat:
            choice["message"] = self._message(text, pieces)
        else:
            choice["text"] = text
        kind = "chat.completion" if self.is_chat else "text_completion"
        return {**self._head(kind), "choices": [choice], "usage": usage.to_object()}

    def _message(self, text: str, pieces: list[Piece]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if reasoning := "".join(piece.reasoning for piece in pieces):
            message["reasoning"] = reasoning
        calls = [piece.call for piece in pieces if piece.call is not None]
        if calls:
            made = (self._call(call, number) for number, call in enumerate(calls))
            message["tool_calls"] = [{k: v for k, v in one.items() if k != "index"} for one in made]
        return message

    def _call(self, call: tuple[str, str], number: int) -> dict[str, Any]:
        name, arguments = call
        function = {"name": name, "arguments": arguments}
        return {
            "index": number,
            "id": f"call-{self.id}-{number}",
            "type": "function",
            "function": function,
        }

    def _event(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        kind = "chat.completion.chunk" if self.is_chat else "text_completion"
        return to_event({**self._head(kind), "choices": choices, **more})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def to_event(content: dict[str, Any]) -> bytes:
    """One event of a stream."""
    return b"data: " + msgspec.json.encode(content) + b"\n\n"


def to_error(message: str, status: int) -> dict[str, Any]:
    """An error in OpenAI's form."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": status}}
