"""A real vLLM under load and bad input: clients that leave, keys that change, an end in mid-stream.

One engine serves all of it, and the last part ends it: the parts are one test, in their order. The
model has two layers of random weights, so that what is measured is the server and not the machine.
"""

import asyncio
import io
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from serving_engines import KEY, Server, free_port, serve
from tiny_adapters import make_byte_tokenizer
from tiny_models import make_tiny_phi3

from kaito.api.runtime import ServingArguments

pytestmark = [pytest.mark.extended, pytest.mark.timeout(600)]

REQUESTS, CONCURRENCY = 1000, 64
RUSH = 256
"""Requests at once: twice as many as run and wait."""
LIMIT = 1 << 20
"""Bytes of a body."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "first").write_text("sk-first\n")
    return folder


@pytest.fixture(scope="module")
def server(keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("vllm")
    model = make_tiny_phi3(folder / "model", tokenizer=make_byte_tokenizer(folder / "words"))
    config = folder / "inference_config.yaml"
    config.write_text("vllm: {max-model-len: 512, max-num-seqs: 64}\n")
    arguments = ServingArguments(
        model=str(model),
        served_model_name=(KEY,),
        host="127.0.0.1",
        port=free_port(),
        kv_cache_bytes=1 << 28,
        keys_folder=str(keys),
        max_body_bytes=LIMIT,
        config_file=str(config),
    )
    yield from serve(arguments, folder)


def headers(key: str = "sk-first") -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def observe_metrics(session: aiohttp.ClientSession, server: Server) -> dict[str, float]:
    """Every sample, by its name and labels as written."""
    async with session.get(f"{server.url}/metrics") as response:
        text = await response.text()
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def total(metrics: dict[str, float], name: str) -> float:
    return sum(value for key, value in metrics.items() if key.partition("{")[0] == name)


def resident_bytes(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


async def complete(session: aiohttp.ClientSession, server: Server, number: int) -> str:
    """One request; every third client hangs up after the first words."""
    body = {
        "model": KEY,
        "prompt": f"{number}: once upon a time",
        "max_tokens": 64 if number % 3 == 0 else 8,
        "ignore_eos": True,
        "stream": number % 3 == 0,
    }
    url = f"{server.url}/v1/completions"
    async with session.post(url, json=body, headers=headers()) as response:
        if number % 3 == 0:
            await response.content.readline()
            response.close()
            return "left"
        await response.read()
        return str(response.status)


async def wait_until_idle(session: aiohttp.ClientSession, server: Server) -> dict[str, float]:
    names = (
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
        "kaito_requests_in_flight",
    )
    async with asyncio.timeout(30):
        while True:
            metrics = await observe_metrics(session, server)
            if not any(total(metrics, name) for name in names):
                return metrics
            await asyncio.sleep(0.1)


def assert_adds_up(before: dict[str, float], after: dict[str, float], requests: int) -> None:
    """Every request was counted once when it came and once when it had ended."""

    def more(name: str) -> float:
        return total(after, name) - total(before, name)

    assert more("kaito_requests_received_total") == requests
    assert more("kaito_requests_total") + more("kaito_requests_refused_total") == requests


def refused(metrics: dict[str, float], reason: str) -> float:
    return metrics.get(f'kaito_requests_refused_total{{reason="{reason}"}}', 0.0)


async def test_bad_input_and_load_leave_nothing_behind_and_an_end_drops_no_stream(
    server: Server, keys: Path
) -> None:
    await refuse_bad_input_beside_a_stream(server)
    await send_away_whom_a_rush_leaves_no_place(server)
    await abandon_a_third_of_a_thousand(server)
    await change_keys_while_streams_run(server, keys)
    await end_in_the_middle_of_streams(server)


async def endless() -> AsyncIterator[bytes]:
    for piece in repeat(b" " * (1 << 16)):
        yield piece


async def post(
    session: aiohttp.ClientSession, server: Server, data: Any, **more: str
) -> tuple[int, dict[str, Any]]:
    """The status and the error of a raw request."""
    sent = {"Content-Type": "application/json", **headers(), **more}
    url = f"{server.url}/v1/completions"
    async with session.post(url, data=data, headers=sent) as response:
        return response.status, (await response.json()).get("error", {})


async def refuse_bad_input_beside_a_stream(server: Server) -> None:
    """Each gets its error in OpenAI's form, and who is being answered meanwhile notices nothing."""
    long = b'{"model": "%s", "prompt": "%s"}' % (KEY.encode(), b"many words " * 600)
    async with aiohttp.ClientSession() as session:
        before = await observe_metrics(session, server)
        beside = asyncio.create_task(stream(session, server, "sk-first"))
        status, error = await post(session, server, b'{"model": "gpt-5", "prompt": "x"}')
        assert (status, error["param"]) == (404, "model")
        assert error["message"] == f"model 'gpt-5' is not served here; served: {KEY}"
        status, error = await post(session, server, b'{"model": ')
        assert (status, error["code"]) == (400, "invalid_json")
        assert (await post(session, server, b'{"prompt": "\xff"}'))[0] == 400
        assert (await post(session, server, b"[" * 500 + b"]" * 500))[0] == 400
        status, error = await post(session, server, long)
        assert status == 400
        assert "512" in error["message"]
        for key in ("Bearer sk-wrong", "Basic sk-first", ""):
            status, error = await post(session, server, b"{}", Authorization=key)
            assert (status, error["code"]) == (401, "invalid_api_key")
        # Declared, found out while it comes, without an end, and while the application reads it.
        large = io.BytesIO(b" " * (LIMIT + 1))
        for data, kind in (
            (large, "application/json"),
            (endless(), "application/json"),
            (endless(), "text/plain"),
        ):
            status, error = await post(session, server, data, **{"Content-Type": kind})
            assert (status, error["code"]) == (413, "request_too_large")
        assert await beside
        after = await wait_until_idle(session, server)
        assert_adds_up(before, after, 12)
        found = {reason: refused(after, reason) for reason in ("key", "model", "size")}
        assert found == {"key": 3, "model": 1, "size": 3}


async def send_away_whom_a_rush_leaves_no_place(server: Server) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        before = await observe_metrics(session, server)
        body = {"model": KEY, "prompt": "Once", "max_tokens": 200, "ignore_eos": True}

        async def ask() -> int:
            url = f"{server.url}/v1/completions"
            async with session.post(url, json=body, headers=headers()) as response:
                await response.read()
                assert response.status == 200 or int(response.headers["Retry-After"]) > 0
                return response.status

        statuses = Counter(await asyncio.gather(*(ask() for _ in range(RUSH))))
        after = await wait_until_idle(session, server)
        assert set(statuses) == {200, 429}
        assert statuses[200] >= CONCURRENCY
        assert refused(after, "overload") - refused(before, "overload") == statuses[429]
        assert total(after, "kaito_ratelimit_rejected_total") == statuses[429]
        assert_adds_up(before, after, RUSH)


async def abandon_a_third_of_a_thousand(server: Server) -> None:
    async with aiohttp.ClientSession() as session:
        before = await observe_metrics(session, server)
        answered = await asyncio.to_thread(answer, server)
        queue, ended = iter(range(REQUESTS)), Counter[str]()
        resident = 0

        async def work() -> None:
            nonlocal resident
            for number in queue:
                ended[await complete(session, server, number)] += 1
                if number == REQUESTS // 4:
                    resident = resident_bytes(server)

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
        after = await wait_until_idle(session, server)
        assert ended == {"200": REQUESTS - 334, "left": 334}
        assert_adds_up(before, after, REQUESTS + 1)
        left = 'kaito_requests_total{outcome="abandoned"}'
        assert 0 < after[left] - before[left] <= 334
        assert after['kaito_requests_total{outcome="failed"}'] == 0
        name = "kaito_requests_refused_total"
        assert total(after, name) == total(before, name)
        assert resident_bytes(server) - resident < 64 << 20
    assert await asyncio.to_thread(answer, server) == answered


def answer(server: Server, key: str = "sk-first") -> str:
    client = server.client.with_options(api_key=key)
    made = client.completions.create(model=KEY, prompt="What is", temperature=0, max_tokens=12)
    return str(made.choices[0].text)


async def change_keys_while_streams_run(server: Server, keys: Path) -> None:
    async with aiohttp.ClientSession() as session:
        streams = [asyncio.create_task(stream(session, server, "sk-first")) for _ in range(4)]
        await asyncio.sleep(0.2)
        (keys / "second").write_text("sk-second")
        (keys / "first").unlink()
        await asyncio.sleep(1.1)  # the server looks at its keys once a second
        assert await status_of(session, server, "sk-second") == 200
        assert await status_of(session, server, "sk-first") == 401
        assert all(await asyncio.gather(*streams))


async def end_in_the_middle_of_streams(server: Server) -> None:
    async with aiohttp.ClientSession() as session:
        streams = [asyncio.create_task(stream(session, server, "sk-second")) for _ in range(8)]
        await asyncio.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            await until_not_ready(session, server)
            # For a while they are still served: whoever routes them does not know yet.
            assert await stream(session, server, "sk-second", tokens=2)
        assert all(await asyncio.gather(*streams))
    assert await asyncio.to_thread(server.process.wait, 60) == 0


async def until_not_ready(session: aiohttp.ClientSession, server: Server) -> None:
    while True:
        async with session.get(f"{server.url}/ready") as response:
            assert response.status in {200, 503}
            if response.status == 503:
                return
        await asyncio.sleep(0.05)


async def status_of(session: aiohttp.ClientSession, server: Server, key: str) -> int:
    async with session.get(f"{server.url}/v1/models", headers=headers(key)) as response:
        return response.status


async def stream(
    session: aiohttp.ClientSession, server: Server, key: str, tokens: int = 450
) -> bool:
    """Whether a stream came to its proper end."""
    body = {
        "model": KEY,
        "prompt": "Once",
        "max_tokens": tokens,
        "ignore_eos": True,
        "stream": True,
    }
    url = f"{server.url}/v1/completions"
    async with session.post(url, json=body, headers=headers(key)) as response:
        lines = [line async for line in response.content if line.strip()]
    return response.status == 200 and lines[-1].strip() == b"data: [DONE]"
