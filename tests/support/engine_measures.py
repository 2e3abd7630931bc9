"""Questions to the engine and its answers, and the process that answers them.

vLLM is imported in a process of its own: it changes its process (threads, memory policy, signal
handlers), and pretending to be a GPU cannot be undone. One process answers many questions, for the
import takes longer than the answers.
"""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from kaito.catalog.model_files import WeightFile, parse_model
from kaito.catalog.preset import ModelFacts
from kaito.catalog.safetensors import LENGTH_BYTES, header_length
from kaito.runtimes.serving.defaults import decide_defaults

Source = Literal["engine", "cpu-code", "gpu-code"]
"""The running engine; its cache code on a CPU; its cache code as on an H100."""
_PROBE = Path(__file__).with_name("engine_probe.py")
_MARK = "ANSWER "
_SERVER_ONLY = ("shutdown-timeout", "disable-access-log-for-endpoints", "max-model-len")


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One model and what the engine is told."""

    folder: str
    """With its config.json; for the running engine with weights and tokenizer too."""
    cache_bytes: int
    """Of one rank."""
    context_tokens: int
    batched_tokens: int = 2048
    tensor_parallel: int = 1
    cache_dtype: str = "auto"
    load_format: str = "auto"
    """`dummy`: random weights, whatever the folder has."""
    adapter_slots: int = 0
    """Adapters in one batch; 0: without LoRA."""
    adapter_rank: int = 0

    def engine_options(self) -> dict[str, Any]:
        """As our runtime starts it on a CPU, under the names of vLLM's Python interface."""
        ours = decide_defaults("cpu")
        options: dict[str, Any] = {
            name.replace("-", "_"): value
            for name, value in ours.items()
            if name not in _SERVER_ONLY
        }
        if self.adapter_slots:
            options |= {
                "enable_lora": True,
                "max_loras": self.adapter_slots,
                "max_lora_rank": self.adapter_rank,
            }
        return options | {
            "model": self.folder,
            "kv_cache_memory_bytes": self.cache_bytes,
            "kv_cache_dtype": self.cache_dtype,
            "load_format": self.load_format,
            "max_model_len": self.context_tokens,
            "max_num_batched_tokens": self.batched_tokens,
        }


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine says of one model, on one rank."""

    tokens: int
    """`KV cache size: N tokens`."""
    concurrency: float
    """`Maximum concurrency for ... tokens per request: N x`."""
    blocks: int
    block_tokens: int
    in_flight_tokens: int
    weights_bytes: int
    """Parameters as loaded, before kernels repack them; without the tables it computes itself."""
    adapter_bytes: int = 0
    """What it has set aside for adapters."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a request: figures, or the engine's error in one line."""

    measured: Measured | None = None
    error: str = ""


def ask_engine(source: Source, requests: Sequence[Request], *, seconds: int) -> tuple[Answer, ...]:
    """One answer for each request, in order, all from one process."""
    done = subprocess.run(
        [sys.executable, str(_PROBE), source],
        input=msgspec.json.encode(requests),
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    lines = done.stdout.decode(errors="replace").splitlines()
    found = [line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)]
    if len(found) != len(requests):
        raise RuntimeError(
            f"the engine ended early: {done.stderr.decode(errors='replace')[-2000:]}"
        )
    return tuple(msgspec.json.decode(line, type=Answer) for line in found)


def write_answers(answers: Iterable[Answer]) -> None:
    """The probe's side: a marked line for each, among whatever the engine prints."""
    for answer in answers:
        sys.stdout.write(f"{_MARK}{msgspec.json.encode(answer).decode()}\n")
        sys.stdout.flush()


def read_folder(folder: Path) -> ModelFacts:
    """The facts of the model in a folder, read as those of any unknown model."""
    files = [_weight_file(path) for path in folder.glob("*.safetensors")]
    return parse_model((folder / "config.json").read_bytes(), files)


def _weight_file(path: Path) -> WeightFile:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(LENGTH_BYTES)
        head += file.read(header_length(head, file_bytes=size) - LENGTH_BYTES)
    return WeightFile(name=path.name, size_bytes=size, head=head)
