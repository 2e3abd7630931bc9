"""The official clients of OpenAI and Anthropic against the real vLLM behind our server.

One engine process with the real model serves all tests. What it shows is that nothing of ours
stands between a client and what the engine has. Not here: tools that the model itself chooses to
call, for which this one is too small (it is made to call them). Embeddings, which an engine that
writes text does not have, are in test_guarded_workspace.
"""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest
from serving_engines import FRANCE, KEY, Server, free_port, put_real_model, serve

from kaito.api.runtime import ServingArguments, model_folder

pytestmark = [pytest.mark.extended, pytest.mark.timeout(600)]

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
CAPITAL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "country": {"type": "string", "enum": ["France", "Italy"]},
        "digits": {"type": "integer", "minimum": 10, "maximum": 99},
    },
    "required": ["country", "digits"],
    "additionalProperties": False,
}

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "endpoints.md"
DOCUMENTED = re.findall(r"^\| `(GET|POST) (/\S+)` \|", _PAGE.read_text(), flags=re.MULTILINE)


class Capital(msgspec.Struct, forbid_unknown_fields=True):
    """What `CAPITAL` allows."""

    country: str
    digits: int


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("weights")
    put_real_model(root)
    arguments = ServingArguments(
        model=model_folder(str(root), KEY),
        served_model_name=(KEY,),
        host="127.0.0.1",
        port=free_port(),
        max_model_len=2048,
        kv_cache_bytes=1 << 29,
        tool_call_parser="hermes",
    )
    yield from serve(arguments, tmp_path_factory.mktemp("vllm"))


@pytest.fixture
def claude(server: Server) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0) as client:
        yield client


def test_a_chat_counts_its_tokens(server: Server) -> None:
    answer = server.client.chat.completions.create(
        model=KEY, messages=FRANCE, temperature=0, max_tokens=32
    )
    assert "Paris" in str(answer.choices[0].message.content)
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_ends_with_the_reason_and_the_usage(server: Server) -> None:
    chunks = list(
        server.client.chat.completions.create(
            model=KEY,
            messages=FRANCE,
            temperature=0,
            max_tokens=5,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    reasons = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert [reason for reason in reasons if reason] == ["length"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 5


def test_the_likeliest_tokens_are_told_with_their_logarithms(server: Server) -> None:
    answer = server.client.chat.completions.create(
        model=KEY, messages=FRANCE, temperature=0, max_tokens=4, logprobs=True, top_logprobs=3
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert len(logprobs.content) == 4
    for token in logprobs.content:
        # Nothing is sampled, so what was taken is the likeliest.
        assert token.logprob == max(one.logprob for one in token.top_logprobs)
        assert len(token.top_logprobs) == 3


@pytest.mark.parametrize(
    "choice", [{"type": "function", "function": {"name": "get_weather"}}, "required"]
)
def test_a_tool_that_must_be_called_gets_arguments_of_its_schema(
    server: Server, choice: Any
) -> None:
    answer = server.client.chat.completions.create(
        model=KEY,
        messages=[{"role": "user", "content": "What is the weather in Rome?"}],
        tools=[WEATHER],
        tool_choice=choice,
        temperature=0,
        max_tokens=96,
    )
    calls = answer.choices[0].message.tool_calls
    assert calls
    call = calls[0]
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments)["city"] in {"Paris", "Rome"}


def test_the_call_of_a_tool_comes_in_pieces_that_make_one(server: Server) -> None:
    chunks = server.client.chat.completions.create(
        model=KEY,
        messages=[{"role": "user", "content": "What is the weather in Rome?"}],
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
        temperature=0,
        max_tokens=96,
        stream=True,
    )
    parts = [
        call.function
        for chunk in chunks
        for choice in chunk.choices
        for call in choice.delta.tool_calls or ()
        if call.function is not None
    ]
    assert len(parts) > 1
    assert [part.name for part in parts if part.name] == ["get_weather"]
    arguments = "".join(part.arguments or "" for part in parts)
    assert json.loads(arguments)["city"] in {"Paris", "Rome"}


def test_an_answer_is_one_of_the_choices_that_are_given(server: Server) -> None:
    answer = server.client.chat.completions.create(
        model=KEY,
        messages=FRANCE,
        temperature=0,
        max_tokens=8,
        extra_body={"structured_outputs": {"choice": ["Lyon", "Nice"]}},
    )
    assert answer.choices[0].message.content in {"Lyon", "Nice"}


def test_an_answer_keeps_to_a_json_schema(server: Server) -> None:
    answer = server.client.chat.completions.create(
        model=KEY,
        messages=FRANCE,
        temperature=0,
        max_tokens=128,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "capital", "schema": CAPITAL, "strict": True},
        },
    )
    found = msgspec.json.decode(str(answer.choices[0].message.content), type=Capital)
    assert found.country in {"France", "Italy"}
    assert 10 <= found.digits <= 99


def test_the_responses_api_answers_whole_and_in_pieces(server: Server) -> None:
    question = "What is the capital of France?"
    whole = server.client.responses.create(
        model=KEY, input=question, temperature=0, max_output_tokens=32, store=False
    )
    assert whole.status == "completed"
    assert "Paris" in whole.output_text
    events = list(
        server.client.responses.create(
            model=KEY,
            input=question,
            temperature=0,
            max_output_tokens=32,
            store=False,
            stream=True,
        )
    )
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(pieces) > 3
    assert "Paris" in "".join(pieces)
    assert events[-1].type == "response.completed"


def test_several_answers_to_one_prompt_come_under_their_numbers(server: Server) -> None:
    made = server.client.completions.create(
        model=KEY, prompt="Once", n=3, temperature=1.2, max_tokens=12, seed=7, stop=["zzzz"]
    )
    assert [choice.index for choice in made.choices] == [0, 1, 2]
    assert len({choice.text for choice in made.choices}) > 1


def test_anthropics_client_is_answered(claude: anthropic.Anthropic) -> None:
    message = claude.messages.create(
        model=KEY,
        max_tokens=32,
        system="You know every capital.",
        messages=[{"role": "user", "content": "What is the capital of France?"}],
        extra_body={"temperature": 0},
    )
    (block,) = message.content
    assert block.type == "text"
    assert "Paris" in block.text
    assert message.usage.output_tokens > 0


def test_anthropics_client_streams(claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(
        model=KEY,
        max_tokens=32,
        messages=[{"role": "user", "content": "What is the capital of France?"}],
        extra_body={"temperature": 0},
    ) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 3
    assert "Paris" in "".join(pieces)
    assert final.stop_reason == "end_turn"


def test_anthropics_client_counts_tokens_as_the_engine_does(
    server: Server, claude: anthropic.Anthropic
) -> None:
    counted = claude.messages.count_tokens(
        model=KEY, messages=[{"role": "user", "content": "What is the capital of France?"}]
    )
    status, tokens = server.post("/tokenize", {"model": KEY, "messages": [dict(FRANCE[0])]})
    assert status == 200
    assert counted.input_tokens == tokens["count"]


def test_a_text_goes_to_tokens_and_back(server: Server) -> None:
    text = "The capital of France is Paris."
    status, made = server.post("/tokenize", {"model": KEY, "prompt": text})
    assert status == 200
    status, back = server.post("/detokenize", {"model": KEY, "tokens": made["tokens"]})
    assert (status, back["prompt"]) == (200, text)


def test_another_model_is_refused_in_each_apis_own_form(
    server: Server, claude: anthropic.Anthropic
) -> None:
    with pytest.raises(openai.NotFoundError, match="gpt-5"):
        server.client.chat.completions.create(model="gpt-5", messages=FRANCE)
    with pytest.raises(anthropic.NotFoundError, match="gpt-5"):
        claude.messages.create(
            model="gpt-5", max_tokens=4, messages=[{"role": "user", "content": "Hi"}]
        )


def test_a_text_model_has_no_embeddings_and_says_so(server: Server) -> None:
    with pytest.raises(openai.BadRequestError, match="does not make embeddings, it can write text"):
        server.client.embeddings.create(model=KEY, input="Paris")


@pytest.mark.parametrize(("method", "path"), DOCUMENTED)
def test_every_endpoint_that_we_document_is_there(server: Server, method: str, path: str) -> None:
    request = urllib.request.Request(
        f"{server.url}{path}",
        data=b"{}" if method == "POST" else None,
        headers={"Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            status = response.status
    except urllib.error.HTTPError as error:
        with error:
            status = error.code
    # An empty request is refused by the endpoint that it reaches.
    assert status == 200 if method == "GET" else status in {200, 400, 422}
