"""Weights by the streaming loader: the real vLLM starts with it, and the model is the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from serving_engines import Server, free_port, serve
from tiny_adapters import make_byte_tokenizer
from tiny_models import make_tiny_phi3
from transformers import AutoModelForCausalLM, AutoTokenizer

from kaito.api.runtime import ServingArguments

pytestmark = [pytest.mark.extended, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streamed")
    return make_tiny_phi3(folder / "phi", tokenizer=make_byte_tokenizer(folder / "words"))


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[Server]:
    config = model.parent / "inference_config.yaml"
    config.write_text("vllm: {load-format: runai_streamer, max-model-len: 512}\n")
    arguments = ServingArguments(
        model=str(model),
        served_model_name=("phi",),
        host="127.0.0.1",
        port=free_port(),
        dtype="float32",
        kv_cache_bytes=64 << 20,
        config_file=str(config),
    )
    yield from serve(arguments, model.parent)


def test_the_engine_answers_as_the_weights_say(server: Server, model: Path) -> None:
    with server.client as client:
        made = client.completions.create(
            model="phi", prompt="Once", max_tokens=8, temperature=0, extra_body={"ignore_eos": True}
        )
    tokenizer = AutoTokenizer.from_pretrained(model)
    plain = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    asked = tokenizer("Once", return_tensors="pt")
    told = plain.generate(**asked, max_new_tokens=8, min_new_tokens=8, do_sample=False)
    words = tokenizer.decode(told[0][asked["input_ids"].shape[1] :])
    assert made.choices[0].text == words
