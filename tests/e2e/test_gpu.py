"""What our server makes of a GPU: precision, adapters, prefix cache, weights read side by side.

Nothing here is about speed (see benchmarks/) or about GPUs only, so that a machine without one can
show that the tests themselves are right: `KAITO_GPU_TESTS=cpu pytest -m gpu`.
"""

import asyncio
import os
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from serving_engines import Server, free_port, serve
from tiny_adapters import make_adapter, make_byte_tokenizer
from tiny_models import make_tiny_phi3

from kaito.api.adapters import AdapterWish, AdapterWishes
from kaito.api.runtime import ServingArguments
from kaito.runtimes.serving.device import observe_device

IS_GPU = observe_device() == "gpu"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not IS_GPU and os.environ.get("KAITO_GPU_TESTS") != "cpu",
        reason="no GPU, or torch is a CPU build; KAITO_GPU_TESTS=cpu tries the tests themselves",
    ),
]

BASE = "tiny-phi"
PROMPT = "Once upon a time there was a cache. " * 40
BLOCK_TOKENS = 128
"""No engine's cache blocks are larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A running server, the file of its adapters, and what its engine said."""

    server: Server
    wishes: Path
    log: Path
    files: int
    """Of weights."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("gpu")
    words = make_byte_tokenizer(folder / "words")
    model = make_tiny_phi3(folder / "phi", tokenizer=words, shard_size="500KB")
    config = folder / "inference_config.yaml"
    config.write_text(
        "vllm:\n"
        "  model-loader-extra-config: {enable_multithread_load: true, num_threads: 4}\n"
        "  enable-prefix-caching: true\n"
    )
    arguments = ServingArguments(
        model=str(model),
        served_model_name=(BASE,),
        host="127.0.0.1",
        port=free_port(),
        max_model_len=2048,
        kv_cache_bytes=1 << 28,
        config_file=str(config),
        adapters_file=str(folder / "adapters.json"),
        adapters_folder=str(folder / "adapters"),
    )
    for server in serve(arguments, folder):
        files = len(list(model.glob("*.safetensors")))
        wishes = folder / "adapters.json"
        yield Engine(server=server, wishes=wishes, log=folder / "log", files=files)


def metric(engine: Engine, name: str) -> float:
    _, text = read(engine, "/metrics")
    values = re.findall(rf"^{re.escape(name)}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, values))


def read(engine: Engine, path: str) -> tuple[int, str]:
    with urllib.request.urlopen(f"{engine.server.url}{path}", timeout=30) as response:
        return response.status, response.read().decode()


def first_tokens(engine: Engine, model: str) -> dict[str, float]:
    """The likeliest first tokens after a prompt, with their log probabilities."""
    answer = engine.server.client.completions.create(
        model=model, prompt="Once upon a time", max_tokens=1, temperature=0, logprobs=5
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.top_logprobs is not None
    return dict(logprobs.top_logprobs[0])


def test_the_engine_computes_on_the_device_in_bfloat16(engine: Engine) -> None:
    said = engine.log.read_text(errors="replace")
    assert "dtype=torch.bfloat16" in said
    assert f"device_config={'cuda' if IS_GPU else 'cpu'}" in said


def test_the_files_of_the_weights_are_read_side_by_side(engine: Engine) -> None:
    said = engine.log.read_text(errors="replace")
    assert engine.files > 2
    assert "Multi-thread loading shards" in said
    assert re.search(rf"loading shards: 100% Completed \| {engine.files}/{engine.files}", said)


async def test_an_adapter_is_served_beside_the_base_model_while_it_runs(
    engine: Engine, tmp_path: Path
) -> None:
    before = first_tokens(engine, BASE)
    wish = AdapterWish(name="tuned", source=f"folder:{make_adapter(tmp_path / 'tuned')}")
    new = engine.wishes.with_name("new")
    new.write_text(AdapterWishes(adapters=(wish,)).to_json())
    new.rename(engine.wishes)
    async with asyncio.timeout(60):
        while True:
            if 'adapter="tuned",state="Ready"} 1.0' in read(engine, "/metrics")[1]:
                break
            await asyncio.sleep(0.1)
    assert first_tokens(engine, "tuned") != before
    assert first_tokens(engine, BASE) == before


def test_a_prompt_that_was_seen_is_not_computed_again(engine: Engine) -> None:
    client = engine.server.client
    hits = []
    for _ in range(2):
        before = metric(engine, "vllm:prefix_cache_hits_total")
        client.completions.create(model=BASE, prompt=PROMPT, max_tokens=1)
        hits.append(metric(engine, "vllm:prefix_cache_hits_total") - before)
    assert hits[0] == 0
    assert hits[1] >= len(PROMPT) - BLOCK_TOKENS
