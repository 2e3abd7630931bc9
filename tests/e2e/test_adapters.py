"""Adapters of a running vLLM: added, changed and removed under load, and never at its expense.

One vLLM with a tiny Phi-3 serves all tests but the last, which is the transformers runtime's; each
uses adapter names of its own.
"""

import asyncio
import os
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest
from msgspec.structs import replace
from serving_engines import free_port, serve
from tiny_adapters import PHI3_MODULES, make_adapter, make_byte_tokenizer
from tiny_models import make_tiny_phi3

from kaito.api.adapters import AdapterWish, AdapterWishes
from kaito.api.runtime import ServingArguments

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BASE = "tiny-phi"
SERVED_SECONDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapted:
    """A running server, and the file that tells it what to serve."""

    url: str
    wishes: Path

    @property
    def client(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0)

    def wish(self, *wishes: AdapterWish) -> None:
        """Swap the file as kubelet does: by renaming something over it."""
        new = self.wishes.with_name("new")
        new.write_text(AdapterWishes(adapters=wishes).to_json())
        new.rename(self.wishes)

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as response:
            return str(response.read(), "utf-8")

    def is_in_state(self, name: str, state: str) -> bool:
        line = f'kaito_adapter_state{{adapter="{name}",state="{state}"}} 1.0'
        return line in self.get("/metrics")


def wish(name: str, folder: Path, strength: float = 1.0) -> AdapterWish:
    return AdapterWish(name=name, source=f"folder:{folder}", strength=strength)


def start(folder: Path, arguments: ServingArguments) -> Iterator[Adapted]:
    """A server of a tiny Phi-3 whose adapters' file does not exist yet."""
    model = make_tiny_phi3(folder / "phi", tokenizer=make_byte_tokenizer(folder / "words"))
    wishes = folder / "adapters.json"
    asked = replace(
        arguments,
        model=str(model),
        served_model_name=(BASE,),
        host="127.0.0.1",
        port=free_port(),
        kv_cache_bytes=1 << 28,
        adapters_file=str(wishes),
        adapters_folder=str(folder / "adapters"),
    )
    for server in serve(asked, folder):
        yield Adapted(url=server.url, wishes=wishes)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapted]:
    yield from start(
        tmp_path_factory.mktemp("vllm"), ServingArguments(model="", max_model_len=2048)
    )


@pytest.fixture(scope="module")
def transformers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adapted]:
    yield from start(
        tmp_path_factory.mktemp("transformers"), ServingArguments(model="", runtime="transformers")
    )


async def wait_until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again; `SERVED_SECONDS` is all the patience there is."""
    async with asyncio.timeout(SERVED_SECONDS):
        while True:
            if await is_so():
                return
            await asyncio.sleep(0.05)


async def wait_for(server: Adapted, name: str, state: str) -> None:
    """Until the metrics show the adapter in this state."""
    await wait_until(lambda: asyncio.to_thread(server.is_in_state, name, state))


async def wait_until_served(server: Adapted, *names: str) -> None:
    """Until these adapters and no others are in the list of models."""
    async with server.client as client:

        async def are_served() -> bool:
            return {model.id for model in (await client.models.list()).data} == {BASE, *names}

        await wait_until(are_served)


async def judge(client: openai.AsyncOpenAI, model: str) -> dict[str, float]:
    """The likeliest first tokens after a fixed prompt, with their log probabilities."""
    answer = await client.completions.create(
        model=model, prompt="Once upon a time", max_tokens=1, temperature=0, logprobs=5
    )
    assert answer.model == model
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.top_logprobs is not None
    return dict(logprobs.top_logprobs[0])


@asynccontextmanager
async def asked_all_the_while(server: Adapted, *models: str) -> AsyncIterator[list[str]]:
    """Ask each model without a pause; the texts that came. A request that fails fails the block."""
    texts: list[str] = []
    over = asyncio.Event()

    async def ask(client: openai.AsyncOpenAI, model: str) -> None:
        while not over.is_set():
            answer = await client.completions.create(
                model=model, prompt="Ask", max_tokens=8, temperature=0
            )
            assert answer.model == model
            texts.append(answer.choices[0].text)

    async with server.client as client, asyncio.TaskGroup() as group:
        for model in (*models, *models):
            group.create_task(ask(client, model))
        yield texts
        over.set()


async def test_an_adapter_is_added_without_a_restart_and_is_a_model_of_its_own(
    server: Adapted, tmp_path: Path
) -> None:
    folder = make_adapter(tmp_path / "a")
    async with asked_all_the_while(server, BASE):
        server.wish(wish("poet", folder))
        await wait_until_served(server, "poet")
    async with server.client as client:
        assert await judge(client, "poet") != await judge(client, BASE)
        server.wish()
        await wait_until_served(server)
        with pytest.raises(openai.NotFoundError):
            await judge(client, "poet")


async def test_a_changed_adapter_takes_over_while_answers_of_the_old_one_go_on(
    server: Adapted, tmp_path: Path
) -> None:
    folder = make_adapter(tmp_path / "a", seed=1)
    server.wish(wish("clerk", folder))
    await wait_until_served(server, "clerk")
    async with server.client as client:
        old = await judge(client, "clerk")
        stream = await client.completions.create(
            model="clerk",
            prompt="Long",
            max_tokens=300,
            temperature=0,
            stream=True,
            extra_body={"ignore_eos": True},
        )
        await anext(aiter(stream))
        async with asked_all_the_while(server, "clerk", BASE) as texts:
            make_adapter(folder, seed=2)

            async def is_changed() -> bool:
                return await judge(client, "clerk") != old

            await wait_until(is_changed)
            assert {model.id for model in (await client.models.list()).data} == {BASE, "clerk"}
        assert texts
        last = [chunk async for chunk in stream][-1]
        assert last.choices[0].finish_reason == "length"
        assert last.model == "clerk"


async def test_an_answer_goes_on_when_its_adapter_is_removed(
    server: Adapted, tmp_path: Path
) -> None:
    server.wish(wish("guest", make_adapter(tmp_path / "a", seed=3)))
    await wait_until_served(server, "guest")
    async with server.client as client:
        stream = await client.completions.create(
            model="guest",
            prompt="Long",
            max_tokens=250,
            temperature=0,
            stream=True,
            extra_body={"ignore_eos": True},
        )
        await anext(aiter(stream))
        server.wish()
        await wait_until_served(server)
        last = [chunk async for chunk in stream][-1]
        assert last.choices[0].finish_reason == "length"


async def test_broken_adapters_fail_alone(server: Adapted, tmp_path: Path) -> None:
    good = make_adapter(tmp_path / "good", seed=4)
    wide = {name: (outputs, inputs + 1) for name, (outputs, inputs) in PHI3_MODULES.items()}
    broken = {
        "wide": make_adapter(tmp_path / "wide", modules=wide),
        "large": make_adapter(tmp_path / "large", rank=72),
        "foreign": make_adapter(tmp_path / "foreign", modules={"model.layers.0.q": (8, 8)}),
        "cut": make_adapter(tmp_path / "cut"),
        "dora": make_adapter(tmp_path / "dora", use_dora=True),
        "nan": make_adapter(tmp_path / "nan", size=float("nan")),
        # Only vLLM can tell: it fails halfway, with some of the tensors in its buffers.
        "halfway": make_adapter(
            tmp_path / "halfway", modules={**PHI3_MODULES, "model.embed_tokens": (258, 256)}
        ),
    }
    tensors = broken["cut"] / "adapter_model.safetensors"
    os.truncate(tensors, tensors.stat().st_size // 2)
    async with server.client as client:
        before = await judge(client, BASE)
    async with asked_all_the_while(server, BASE):
        server.wish(*(wish(name, path) for name, path in broken.items()), wish("good", good))
        await wait_until_served(server, "good")
        for name in broken:
            await wait_for(server, name, "Failed")
        async with server.client as client:
            assert await judge(client, BASE) == before
    # What was wrong is put right: nobody has to ask again.
    make_adapter(broken["wide"], seed=5)
    await wait_until_served(server, "good", "wide")


async def test_strength_scales_what_an_adapter_does(server: Adapted, tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "full", seed=6, lora_alpha=8)
    half = make_adapter(tmp_path / "half", seed=6, lora_alpha=4)
    server.wish(
        wish("none", folder, 0.0),
        wish("half", folder, 0.5),
        wish("full", folder),
        wish("same-as-half", half),
    )
    await wait_until_served(server, "none", "half", "full", "same-as-half")
    async with server.client as client:
        base = await judge(client, BASE)
        assert await judge(client, "none") == base
        assert await judge(client, "half") == await judge(client, "same-as-half")
        assert await judge(client, "full") != base
        assert await judge(client, "full") != await judge(client, "half")
    server.wish()
    await wait_until_served(server)


async def test_more_adapters_than_fit_one_batch_are_all_answered(
    server: Adapted, tmp_path: Path
) -> None:
    names = [f"many-{number}" for number in range(10)]
    server.wish(
        *(wish(name, make_adapter(tmp_path / name, seed=9)) for name in names),
    )
    await wait_until_served(server, *names)
    async with asked_all_the_while(server, *names) as texts, server.client as client:
        for name in names:
            await judge(client, name)
    assert len(texts) >= len(names)
    server.wish()
    await wait_until_served(server)


@pytest.mark.extended
async def test_transformers_serves_base_and_adapters_in_turns(
    transformers: Adapted, tmp_path: Path
) -> None:
    folder = make_adapter(tmp_path / "full", seed=6, lora_alpha=16)
    half = make_adapter(tmp_path / "half", seed=6, lora_alpha=8)
    names = ("none", "half", "full", "same-as-half")

    async def complete(client: openai.AsyncOpenAI, model: str) -> str:
        answer = await client.completions.create(
            model=model, prompt="Once upon a time", max_tokens=12, temperature=0
        )
        assert answer.model == model
        return str(answer.choices[0].text)

    async with transformers.client as client:
        base = await complete(client, BASE)
        async with asked_all_the_while(transformers, BASE):
            transformers.wish(
                wish("none", folder, 0.0),
                wish("half", folder, 0.5),
                wish("full", folder),
                wish("same-as-half", half),
                wish("broken", tmp_path / "nowhere"),
            )
            await wait_until_served(transformers, *names)
        asked = (BASE, *names) * 2
        texts = await asyncio.gather(*(complete(client, name) for name in asked))
        assert texts[:5] == texts[5:]
        assert texts[0] == texts[1] == base
        assert texts[2] == texts[4]
        assert len({texts[0], texts[2], texts[3]}) == 3
        stream = await client.completions.create(
            model="full", prompt="Once upon a time", max_tokens=12, temperature=0, stream=True
        )
        chunks = [chunk async for chunk in stream]
        assert {chunk.model for chunk in chunks} == {"full"}
        # What is no whole letter yet is held back, and random weights end in the middle of one.
        streamed = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
        assert streamed
        assert texts[3].startswith(streamed)
        transformers.wish()
        await wait_until_served(transformers)
        assert await complete(client, BASE) == base
