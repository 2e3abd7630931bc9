"""Requests for adapters before an application that knows one model: what it is asked, and answers.

The application is a few lines of ASGI, and the model a recorder of what PEFT would be told.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from kaito.runtimes.serving.adapters.engine import AdapterEngine
from kaito.runtimes.serving.adapters.peft_adapters import PeftAdapters
from kaito.runtimes.serving.adapters.requests import AdapterRequests
from kaito.runtimes.serving.adapters.version import Content, Target, Version
from kaito.runtimes.serving.inner import Message, Receive, Send, ask


class RecordingModel:
    """What transformers' PEFT integration offers, as far as it is used."""

    def __init__(self) -> None:
        self.peft_config: dict[str, str] = {}
        self.active = ""

    def load_adapter(self, path: str, adapter_name: str) -> None:
        self.peft_config[adapter_name] = path
        self.active = adapter_name

    def delete_adapter(self, name: str) -> None:
        del self.peft_config[name]

    def set_adapter(self, name: str) -> None:
        assert name in self.peft_config
        self.active = name

    def enable_adapters(self) -> None:
        self.active = "?"

    def disable_adapters(self) -> None:
        self.active = ""


class EchoingApplication:
    """Answers with what it was asked and what was in effect; streams in awkward pieces."""

    def __init__(self, model: RecordingModel) -> None:
        self.model = model
        self.asked: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        content = (await receive()).get("body", b"")
        body = msgspec.json.decode(content) if content else {}
        self.asked.append(body)
        if content:
            assert dict(scope["headers"])[b"content-length"] == str(len(content)).encode()
        kind = b"text/event-stream" if body.get("stream") else b"application/json"
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", kind), (b"content-length", b"1")],
            }
        )
        if scope["path"] == "/v1/models":
            parts = [b'{"object":"list","data":[{"id":"base"}]}']
        elif body.get("stream") and scope["path"] == "/v1/responses":
            parts = [b'data: {"type":"response.created","response":{"model":"base"}}\n\n']
        elif body.get("stream"):
            parts = [b'data: {"model":"ba', b'se","text":"x"}\n', b"\ndata: [DO", b"NE]\n\n"]
        else:
            parts = [msgspec.json.encode({"model": "base", "active": self.model.active})]
        for number, part in enumerate(parts, 1):
            await send(
                {"type": "http.response.body", "body": part, "more_body": number < len(parts)}
            )


def version(name: str, source: str = "folder:/a") -> Version:
    folder = Path(f"/store/{name}")
    content = Content(folder=folder, digest="sha256:a", rank=8)
    return Version(target=Target(name=name, source=source), content=content, folder=folder)


@pytest.fixture
def model() -> RecordingModel:
    return RecordingModel()


@pytest.fixture
def adapters(model: RecordingModel) -> PeftAdapters:
    return PeftAdapters(model, ("base", "org/base"))


async def test_each_request_runs_with_its_own_weights_under_its_own_name(
    model: RecordingModel, adapters: PeftAdapters
) -> None:
    inner = EchoingApplication(model)
    app = AdapterRequests(inner, adapters, "base")
    for name in ("poet", "clerk"):
        await adapters.load(version(name))
    found = [
        (await ask(app, "/v1/completions", {"model": name, "prompt": "x"})).json()
        for name in ("poet", "base", "clerk", "org/base", "nobody")
    ]
    assert [answer["model"] for answer in found] == ["poet", "base", "clerk", "base", "base"]
    assert [answer["active"] for answer in found] == ["adapter-1", "", "adapter-2", "", ""]
    # A name that nobody has is the application's to refuse.
    assert [body["model"] for body in inner.asked] == ["base", "base", "base", "org/base", "nobody"]


async def test_a_stream_is_renamed_event_by_event(
    model: RecordingModel, adapters: PeftAdapters
) -> None:
    app = AdapterRequests(EchoingApplication(model), adapters, "base")
    await adapters.load(version("poet"))
    answer = await ask(app, "/v1/chat/completions", {"model": "poet", "stream": True})
    assert answer.content == b'data: {"model":"poet","text":"x"}\n\ndata: [DONE]\n\n'


async def test_the_events_of_responses_name_the_adapter_too(
    model: RecordingModel, adapters: PeftAdapters
) -> None:
    inner = EchoingApplication(model)
    app = AdapterRequests(inner, adapters, "base")
    await adapters.load(version("poet"))
    answer = await ask(app, "/v1/responses", {"model": "poet", "input": "x", "stream": True})
    assert b'"response":{"model":"poet"}' in answer.content
    assert inner.asked[0]["model"] == "base"


async def test_adapters_are_in_the_list_of_models_while_they_are_served(
    model: RecordingModel, adapters: PeftAdapters
) -> None:
    app = AdapterRequests(EchoingApplication(model), adapters, "base")
    await adapters.load(version("poet"))
    listed = (await ask(app, "/v1/models")).json()["data"]
    assert listed == [{"id": "base"}, {"id": "poet", "parent": "base"}]
    await adapters.unload("poet")
    assert (await ask(app, "/v1/models")).json()["data"] == [{"id": "base"}]


async def test_a_body_that_is_no_json_is_the_applications_to_refuse(
    model: RecordingModel, adapters: PeftAdapters
) -> None:
    seen: list[bytes] = []

    async def application(scope: Any, receive: Receive, send: Send) -> None:
        seen.append((await receive()).get("body", b""))
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"no"})

    inbox: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.request", "body": b"?"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return inbox.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/v1/completions", "headers": []}
    await AdapterRequests(application, adapters, "base")(scope, receive, send)
    assert seen == [b"{?"]
    assert [message.get("status") for message in sent] == [400, None]


async def test_versions_come_and_go_inside_the_model(
    model: RecordingModel, adapters: PeftAdapters
) -> None:
    engine: AdapterEngine = adapters
    first, second = version("poet"), version("poet", "folder:/b")
    await engine.load(first)
    await engine.load(second)
    assert set(model.peft_config) == {"adapter-1", "adapter-2"}
    assert not engine.is_used(first)
    async with adapters.turn("poet"):
        assert engine.is_used(second)
        assert model.active == "adapter-2"
    await engine.forget(first)
    assert set(model.peft_config) == {"adapter-2"}
    async with adapters.turn(""):
        assert model.active == ""
