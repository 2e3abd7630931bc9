"""Two copies of a model behind one address: the real vLLM with data parallelism, on a CPU."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import openai
import pytest
from serving_engines import Server, free_port, serve
from tiny_adapters import make_byte_tokenizer
from tiny_models import make_tiny_phi3

from kaito.api.runtime import ServingArguments

pytestmark = [pytest.mark.extended, pytest.mark.timeout(600)]

COPIES, REQUESTS = 2, 24


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("vllm")
    model: Path = make_tiny_phi3(folder / "phi", tokenizer=make_byte_tokenizer(folder / "words"))
    arguments = ServingArguments(
        model=str(model),
        served_model_name=("phi",),
        host="127.0.0.1",
        port=free_port(),
        max_model_len=512,
        kv_cache_bytes=64 << 20,
        data_parallel_size=COPIES,
    )
    yield from serve(arguments, folder)


def test_both_copies_answer_and_agree(server: Server) -> None:
    def complete(client: openai.OpenAI) -> str:
        made = client.completions.create(
            model="phi", prompt="Once", max_tokens=8, temperature=0, extra_body={"ignore_eos": True}
        )
        return str(made.choices[0].text)

    with server.client as client, ThreadPoolExecutor(REQUESTS) as pool:
        assert len(set(pool.map(complete, [client] * REQUESTS))) == 1
    with urlopen(f"{server.url}/metrics", timeout=30) as response:
        lines = response.read().decode().splitlines()
    generated = [line for line in lines if line.startswith("vllm:generation_tokens_total{")]
    assert len(generated) == COPIES
    assert all(float(line.rpartition(" ")[2]) > 0 for line in generated), generated
