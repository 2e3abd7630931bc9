"""Bodies of requests, well and badly meant."""

import asyncio
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.runtimes.serving.inner import Message, Receive
from kaito.runtimes.serving.refusal import Refusal
from kaito.runtimes.serving.request_body import (
    Body,
    BodyRefused,
    ClientGone,
    bounded,
    is_json,
    judge_json,
    read_body,
    replay,
)


def client(parts: Iterable[bytes], *, leaves: bool = False) -> Receive:
    """A client that sends these parts of a body."""
    left = list(parts)

    async def receive() -> Message:
        if not left:
            return {"type": "http.disconnect"}
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left) or leaves}

    return receive


async def test_a_body_in_parts_is_one_body_with_the_name_of_its_model() -> None:
    body = await read_body(client([b'{"mod', b'el": "m", "a": [1]}']), [])
    assert body == Body(content=b'{"model": "m", "a": [1]}', model="m")


async def test_too_much_is_refused_before_it_is_read_or_while() -> None:
    async def never() -> Message:
        raise AssertionError("the body was read")

    declared = await read_body(never, [(b"content-length", b"11")], limit=10)
    streamed = await read_body(client([b"x" * 6, b"x" * 6]), [], limit=10)
    endless = await read_body(client([b"x" * 6, b"x" * 6], leaves=True), [], limit=10)
    for refusal in (declared, streamed, endless):
        assert isinstance(refusal, Refusal)
        assert refusal.status == 413
        assert refusal.closes is (refusal is not streamed)


async def test_a_client_that_leaves_in_the_middle_gets_no_answer() -> None:
    with pytest.raises(ClientGone):
        await read_body(client([b"{"], leaves=True), [])


async def test_a_body_that_never_ends_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaito.runtimes.serving.request_body.MAX_SECONDS", 0.01)

    async def silent() -> Message:
        return await asyncio.Future[Message]()

    refusal = await read_body(silent, [])
    assert isinstance(refusal, Refusal)
    assert refusal.status == 408


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a":' + b"[" * 5000, "nested more than 128 levels"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "nested more than 128 levels"),
        (b'{"a":[' + b"[]," * 200_000 + b"1]}", "more than 100000 arrays"),
    ],
)
def test_what_is_no_json_or_a_trap_is_refused(content: bytes, said: str) -> None:
    refusal = judge_json(content)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400
    assert said in refusal.message


def test_brackets_in_a_text_are_no_nesting() -> None:
    body = judge_json(msgspec.json.encode({"model": "m", "prompt": '[{"\\' * 1000}))
    assert isinstance(body, Body)
    assert body.model == "m"


@pytest.mark.parametrize("content", [b"[1]", b'{"model": 7}', b'{"model": null}', b"{}"])
def test_what_only_the_engine_can_judge_is_passed_on(content: bytes) -> None:
    assert judge_json(content) == Body(content=content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values, st.text())
def test_every_shallow_json_is_let_through(value: object, model: str) -> None:
    body = judge_json(msgspec.json.encode({"x": value, "model": model}))
    assert isinstance(body, Body)
    assert body.model == model


async def test_after_the_body_the_engine_hears_of_the_clients_leaving() -> None:
    receive = replay(b"x", client([]))
    assert (await receive())["body"] == b"x"
    assert (await receive())["type"] == "http.disconnect"


async def test_a_recording_is_bounded_while_it_passes() -> None:
    told: list[int] = []

    async def refuse(refusal: Refusal) -> None:
        told.append(refusal.status)

    receive = bounded(client([b"x" * 6, b"x" * 6]), 10, refuse)
    await receive()
    with pytest.raises(BodyRefused):
        await receive()
    assert told == [413]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (b"application/json; charset=utf-8", True),
        (b"application/x-www-form-urlencoded", True),
        (b"multipart/form-data; boundary=x", False),
        (b"audio/wav", False),
    ],
)
def test_only_what_says_it_is_something_else_is_not_json(kind: bytes, expected: bool) -> None:
    assert is_json([(b"content-type", kind)]) is expected
