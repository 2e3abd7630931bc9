"""The transformers runtime's application around handlers that write what a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.responses import JSONResponse, StreamingResponse
from prometheus_client import CollectorRegistry

from kaito.base.clock import SystemClock
from kaito.runtimes.serving.engine_metrics import EngineMetrics
from kaito.runtimes.serving.inner import Answer, Message, ask
from kaito.runtimes.serving.openai_answer import Piece
from kaito.runtimes.serving.transformers_answers import Answers, Surroundings
from kaito.runtimes.serving.transformers_engine import EngineSettings
from kaito.runtimes.serving.transformers_responses import Responses
from kaito.runtimes.serving.transformers_server import build_app

HI = [{"role": "user", "content": "Hi"}]
CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
CONTEXT = 20


class Streamer:
    """Who writes: counts a token for each item, and is told to stop."""

    def __init__(self) -> None:
        self.total_tokens = 0
        self.is_cancelled = asyncio.Event()

    def cancel(self) -> None:
        self.is_cancelled.set()


class Handler:
    """Prepares as transformers' do (a word is a token), and has `items` written."""

    def __init__(self, items: list[object]) -> None:
        self.items = items
        self.streamer = Streamer()
        self.has_begun = asyncio.Event()
        self.bodies: list[dict[str, Any]] = []
        self.failure: Exception | None = None
        self.is_fast = True
        self._streaming: Callable[..., Any] = self._write_whole
        self._non_streaming: Callable[..., Any] = self._write_whole

    async def handle_request(self, body: dict[str, Any], request_id: str) -> Any:
        self.bodies.append(body)
        if self.failure is not None:
            raise self.failure
        words = str(body.get("prompt") or body["messages"][-1]["content"]).split()
        settings = SimpleNamespace(**json.loads(body["generation_config"]))
        processor = SimpleNamespace(_tokenizer=None) if self.is_fast else None
        prepared = (request_id, None, processor, body["model"], {"input_ids": words}, settings)
        if body.get("stream"):
            return self._streaming(*prepared, gen_manager=self)
        return await self._non_streaming(*prepared, self, None)

    async def _write_whole(self, *_: object, **__: object) -> Any:
        return JSONResponse({"written": "by the handler"})

    def generate_streaming(self, *_: object, **__: object) -> tuple[asyncio.Queue[Any], Streamer]:
        self.has_begun.set()
        queue: asyncio.Queue[Any] = asyncio.Queue()
        for item in self.items:
            self.streamer.total_tokens += isinstance(item, str | Piece)
            queue.put_nowait(item)
        return queue, self.streamer


class ResponsesHandler:
    """Of `/v1/responses`: writes by itself, and without an end where it `hangs`."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.hangs = False
        self.has_begun = asyncio.Event()
        self.cancelled: list[str] = []
        self._cb = SimpleNamespace(cancel_request=self.cancelled.append)
        self._streaming: Callable[..., Any] = self._write_events
        self._non_streaming: Callable[..., Any] = self._write_whole

    async def handle_request(self, body: dict[str, Any], request_id: str) -> Any:
        self.bodies.append(body)
        settings = SimpleNamespace(**json.loads(body["generation_config"]))
        words = {"input_ids": str(body["input"]).split()}
        prepared = (request_id, None, None, body["model"], body, words, settings)
        if body["stream"]:
            return self._streaming(*prepared, gen_manager=self)
        return await self._non_streaming(*prepared, gen_manager=self)

    def _write_events(self, *_: object, **__: object) -> Any:
        async def events() -> AsyncIterator[bytes]:
            yield b"data: {}\n\n"

        return StreamingResponse(events())

    async def _write_whole(self, *_: object, **__: object) -> Any:
        self.has_begun.set()
        if self.hangs:
            await asyncio.Event().wait()
        return JSONResponse({"object": "response"})


class Runtime:
    """The application, and what it was built of."""

    def __init__(self, *items: object, parser: object = None, is_batching: bool = False) -> None:
        self.handler = Handler(list(items))
        self.registry = CollectorRegistry()
        clock = SystemClock()
        around = Surroundings(
            clock=clock,
            metrics=EngineMetrics("phi", clock, room=1, registry=self.registry),
            context=CONTEXT,
            make_parser=lambda *_: parser,
            to_piece=lambda item: item if isinstance(item, Piece) else Piece(text=str(item)),
        )
        completion = Handler(list(items))
        completion.streamer = self.handler.streamer
        completion.bodies = self.handler.bodies
        for handler, is_chat in ((self.handler, True), (completion, False)):
            Answers(around, is_chat=is_chat).take_over(handler)
        self.responses = ResponsesHandler()
        Responses(around).take_over(self.responses)
        settings = EngineSettings(
            model="/m", names=("phi", "org/phi"), device="cpu", dtype="auto",
            is_batching=is_batching,
        )  # fmt: skip
        engine: Any = SimpleNamespace(
            settings=settings, generation_defaults={"max_new_tokens": 10}, chat=self.handler,
            completion=completion, responses=self.responses, is_alive=True, takes_text_only=True,
            context_tokens=CONTEXT, is_batching=is_batching, stop=lambda: None,
        )  # fmt: skip
        self.app = build_app(engine, is_chat=True)

    async def chat(self, **body: Any) -> Answer:
        return await ask(self.app, CHAT, {"messages": HI, **body})

    async def complete(self, **body: Any) -> Answer:
        return await ask(self.app, TEXT, {"prompt": "one two", **body})

    def figure(self, name: str, **labels: str) -> float | None:
        own = {"model_name": "phi", "engine": "0", **labels}
        return self.registry.get_sample_value(name, own)


def events(answer: Answer) -> list[dict[str, Any]]:
    """What a stream carried, whose last event is the one that ends it."""
    lines = answer.content.decode().strip().split("\n\n")
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


async def test_an_answer_in_one_and_in_pieces_says_the_same() -> None:
    runtime = Runtime("Hello", " you", None)
    whole = (await runtime.chat()).json()
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "Hello you"}
    assert whole["usage"] == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    found = events(await Runtime("Hello", " you", None).chat(stream=True))
    deltas = [chunk["choices"][0]["delta"] for chunk in found]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content", "") for delta in deltas) == "Hello you"
    assert found[-1]["choices"][0]["finish_reason"] == "stop"
    assert not any("usage" in chunk for chunk in found), "nobody asked for it"
    text = (await Runtime("a", None).complete()).json()
    assert text["choices"][0]["text"] == "a"
    assert text["object"] == "text_completion"


async def test_usage_comes_in_an_event_of_its_own_where_it_is_asked_for() -> None:
    found = events(
        await Runtime("a", "b", None).complete(stream=True, stream_options={"include_usage": True})
    )
    assert found[-1]["choices"] == []
    assert found[-1]["usage"]["completion_tokens"] == 2
    assert found[-2]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_string_that_ends_the_text_ends_the_work_too(is_stream: bool) -> None:
    runtime = Runtime("one\n", "\ntwo", " three", is_batching=True)  # goes on for ever
    answer = await asyncio.wait_for(runtime.chat(stop="\n\n", stream=is_stream), 5)
    if is_stream:
        found = [chunk["choices"][0] for chunk in events(answer)]
        said = "".join(one["delta"].get("content", "") for one in found)
        finish = found[-1]["finish_reason"]
    else:
        (choice,) = answer.json()["choices"]
        said, finish = choice["message"]["content"], choice["finish_reason"]
    assert (said, finish) == ("one", "stop")
    assert runtime.handler.streamer.is_cancelled.is_set()


async def test_the_last_token_that_was_allowed_is_a_length() -> None:
    answer = (await Runtime("a", "b", None).chat(max_tokens=2)).json()
    assert answer["choices"][0]["finish_reason"] == "length"


async def test_calls_and_reasoning_are_told_as_such() -> None:
    items = (Piece(reasoning="hm"), Piece(call=("f", "{}")), Piece(call=("g", "{}")), None)
    tools = [{"type": "function", "function": {"name": "f"}}]
    (choice,) = (await Runtime(*items, parser=object()).chat(tools=tools)).json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["reasoning"] == "hm"
    assert [one["function"]["name"] for one in choice["message"]["tool_calls"]] == ["f", "g"]
    found = events(await Runtime(*items, parser=object()).chat(tools=tools, stream=True))
    calls = [call for chunk in found for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert [(call["index"], call["function"]["name"]) for call in calls] == [(0, "f"), (1, "g")]


async def test_tools_that_nobody_can_read_back_are_refused() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    answer = await Runtime("a", None).chat(tools=tools)
    assert answer.status == 400
    assert "does not say how its tool calls look" in answer.json()["error"]["message"]
    runtime = Runtime("a", None)
    assert (await runtime.chat(tools=tools, tool_choice="none")).status == 200
    assert "tools" not in runtime.handler.bodies[0]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"messages": None}, "'messages' has to be a list"),
        ({"messages": []}, "'messages' has to be a list with at least one"),
        ({"messages": ["Hi"]}, r"messages[0] has to be an object with a role"),
        ({"messages": [{"role": "user", "content": 5}]}, "content has to be a text or a list"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "has to have a text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
            "this model takes text only",
        ),
        ({"messages": [{"role": "a", "tool_calls": [{}]}]}, "a tool call has to have a function"),
        ({"max_tokens": 0}, "'max_tokens' has to be a whole number above 0, not 0"),
        ({"max_tokens": "many"}, "'max_tokens' has to be a whole number"),
        ({"max_tokens": 1.5}, "'max_tokens' has to be a whole number"),
        ({"max_tokens": True}, "'max_tokens' has to be a whole number"),
        ({"max_tokens": 10**12}, "more than this model's context of 20"),
        ({"temperature": -1}, "'temperature' has to be a number from 0"),
        ({"temperature": "hot"}, "'temperature' has to be a number from 0"),
        ({"top_p": 0}, "'top_p' has to be a number above 0"),
        ({"top_k": -2}, "'top_k' has to be a whole number"),
        ({"stream": "yes"}, "'stream' has to be true or false"),
        ({"stop": [5]}, "'stop' has to be a text or a list of texts"),
        ({"stop": ["x"] * 17}, "'stop' has 17 texts; 16 are the most"),
        ({"stream_options": "all"}, "'stream_options' has to be an object"),
        ({"n": 2}, "n=2 is not supported by the transformers runtime; vLLM"),
        ({"logprobs": True}, "logprobs=True is not supported"),
        ({"response_format": {"type": "json_object"}}, "response_format="),
        ({"tool_choice": "required"}, "tool_choice='required' is not supported"),
        ({"seed": 2**70}, "'seed' has to be"),
        ({"tools": {}}, "'tools' has to be a list"),
        ({"chat_template_kwargs": []}, "'chat_template_kwargs' has to be an object"),
        ({"chat_template_kwargs": {"padding": True}}, "may not have 'padding'"),
        ({"chat_template_kwargs": {"chat_template": "x"}}, "may not have 'chat_template'"),
    ],
    ids=repr,
)
async def test_a_body_that_is_wrong_is_told_what_is_wrong_with_it(
    body: dict[str, Any], said: str
) -> None:
    answer = await Runtime("a", None).chat(**body)
    error = answer.json()["error"]
    assert said in error["message"]
    assert answer.status == 400
    assert (error["type"], error["code"]) == ("invalid_request_error", 400)


@pytest.mark.parametrize("prompt", [None, "", 5, ["a", "b"], [1, 2]])
async def test_a_prompt_is_one_text(prompt: object) -> None:
    answer = await Runtime("a", None).complete(prompt=prompt)
    assert answer.status == 400
    assert "'prompt' has to be one text" in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [[], "text", 5])
async def test_a_body_has_to_be_an_object(body: Any) -> None:
    runtime = Runtime("a", None)
    answer = await ask(runtime.app, CHAT, body)
    assert answer.status == 400
    assert answer.json()["error"]["message"] == "the request body has to be an object"


async def test_a_prompt_that_leaves_no_room_is_refused_and_a_long_one_gets_what_is_left() -> None:
    refused = await Runtime("a", None).complete(prompt="x " * CONTEXT)
    assert refused.status == 400
    assert "the prompt has 20 tokens" in refused.json()["error"]["message"]
    runtime = Runtime("a", "b", "c", None)
    answer = (await runtime.complete(prompt="x " * (CONTEXT - 3))).json()
    assert answer["choices"][0]["finish_reason"] == "length", "3 of the 10 that are usual fit"


@pytest.mark.parametrize("is_stream", [False, True])
async def test_what_the_engine_fails_of_is_an_error_in_the_form_that_clients_read(
    is_stream: bool,
) -> None:
    failed = SimpleNamespace(msg='CUDA "error"\nof a kind')
    answer = await (runtime := Runtime("a", failed)).chat(stream=is_stream)
    told = events(answer)[-1] if is_stream else answer.json()
    assert told["error"]["message"] == 'the engine could not answer: CUDA "error" of a kind'
    assert told["error"]["type"] == "server_error"
    assert runtime.handler.streamer.is_cancelled.is_set()  # what fails may write on
    assert answer.status == (200 if is_stream else 500)


@pytest.mark.parametrize(
    "failure", [ValueError("no template"), KeyError("role"), TypeError("a mapping is needed")]
)
async def test_what_a_template_makes_of_a_body_is_the_clients_to_mend(failure: Exception) -> None:
    runtime = Runtime("a", None)
    runtime.handler.failure = failure
    answer = await runtime.chat()
    assert answer.status == 400
    assert str(failure.args[0]) in answer.json()["error"]["message"]


async def test_a_tokenizer_that_writes_whole_texts_only_is_left_to_do_so() -> None:
    runtime = Runtime("a", None)
    runtime.handler.is_fast = False
    assert (await runtime.chat()).json() == {"written": "by the handler"}
    for odd in ({"stream": True}, {"stop": "x"}):
        answer = await runtime.chat(**odd)
        assert answer.status == 400
        assert "writes whole texts only" in answer.json()["error"]["message"]


RESPONSES = "/v1/responses"


async def test_responses_are_the_handlers_own_and_a_stream_only_where_it_is_asked_for() -> None:
    runtime = Runtime()
    answer = await ask(runtime.app, RESPONSES, {"input": "Hi", "max_output_tokens": 3})
    assert answer.json() == {"object": "response"}
    assert json.loads(runtime.responses.bodies[0]["generation_config"])["max_new_tokens"] == 3
    answer = await ask(runtime.app, RESPONSES, {"input": "Hi", "stream": True})
    assert answer.content == b"data: {}\n\n"
    assert runtime.figure("vllm:prompt_tokens_total") == 2
    assert runtime.figure("vllm:num_requests_running") == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "'input' has to be a text or a list"),
        ({"input": []}, "'input' has to be a text or a list"),
        ({"input": ["Hi"]}, "input[0] has to be a message"),
        ({"input": [{"type": "input_image"}]}, "input[0] has to be a message"),
        ({"input": "Hi", "max_output_tokens": 0}, "'max_output_tokens' has to be"),
        ({"input": "Hi", "max_output_tokens": 100}, "more than this model's context of 20"),
        ({"input": "x " * 30}, "this model's context of 20"),
        ({"input": "Hi", "previous_response_id": "resp_1"}, "is not supported"),
        ({"input": "Hi", "stop": ["x"]}, "'stop' is not supported for responses"),
        ({"input": "Hi", "text": {"format": {"type": "json_schema"}}}, "is not supported"),
    ],
    ids=repr,
)
async def test_a_wrong_body_of_responses_is_told_what_is_wrong(
    body: dict[str, Any], said: str
) -> None:
    answer = await ask(Runtime().app, RESPONSES, body)
    assert answer.status == 400
    assert said in answer.json()["error"]["message"]


async def test_a_client_of_responses_that_leaves_ends_its_request() -> None:
    runtime, left = Runtime(), asyncio.Event()
    runtime.responses.hangs = True

    async def receive() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    asking = asyncio.create_task(ask(runtime.app, RESPONSES, {"input": "Hi"}, receive=receive))
    await asyncio.wait_for(runtime.responses.has_begun.wait(), 5)
    left.set()
    await asyncio.wait_for(asking, 5)
    assert len(runtime.responses.cancelled) == 1
    assert runtime.figure("vllm:num_requests_running") == 0


@pytest.mark.parametrize("path", ["/v1/embeddings", "/nothing"])
async def test_a_path_that_is_not_served_is_told_in_the_same_form(path: str) -> None:
    answer = await ask(Runtime().app, path, {})
    assert answer.status == 404
    assert answer.json()["error"] == {
        "message": "Not Found", "type": "invalid_request_error", "param": None, "code": 404,
    }  # fmt: skip


async def test_a_client_that_leaves_stops_the_engine_also_when_it_waits_for_all() -> None:
    runtime, left = Runtime("a"), asyncio.Event()  # never comes to the end

    async def receive() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    body = {"messages": HI}
    asking = asyncio.create_task(ask(runtime.app, CHAT, body, receive=receive))
    await asyncio.wait_for(runtime.handler.has_begun.wait(), 5)
    assert runtime.figure("vllm:num_requests_running") == 1
    left.set()
    await asyncio.wait_for(asking, 5)
    assert runtime.handler.streamer.is_cancelled.is_set()
    assert runtime.figure("vllm:num_requests_running") == 0


async def test_figures_have_the_names_that_vllm_gives_them() -> None:
    runtime = Runtime("a", "b", None)
    await runtime.complete()
    assert runtime.figure("vllm:prompt_tokens_total") == 2
    assert runtime.figure("vllm:generation_tokens_total") == 2
    assert runtime.figure("vllm:request_success_total", finished_reason="stop") == 1
    assert runtime.figure("vllm:time_to_first_token_seconds_count") == 1
    assert runtime.figure("vllm:e2e_request_latency_seconds_count") == 1
    assert runtime.figure("vllm:num_requests_running") == 0
