"""The preflight of a large Parquet file: how long it takes, and the most memory it holds.

    PYTHONPATH=tests/support .venv/bin/python benchmarks/preflight.py [--megabytes 1024]

The file is not compressed, so that it is as large as its text. Tokens are counted with a small
tokenizer, which takes two to three times as long as a model's own for the same text. Each pass is a
process of its own that has imported what the trainer has by then; its peak is the kernel's figure.

    survey      shapes of all rows, tokens of a sample: all that is known before any weight is read
    whole       every row tokenized and kept for training, on the first part of the data alone
    training    the samples of that pass opened as the trainer does
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from pydoc_data.topics import topics

import pyarrow as pa
import pyarrow.parquet as pq

import _report
from kaito.runtimes.tuning.data.encode import Encoder
from kaito.runtimes.tuning.settings import DataSettings, read_settings
from kaito.runtimes.tuning.sources.arrived import Arrived

_ROWS_PER_GROUP = 4096
_WORDS = 400
_LIMIT_MIB = 500e6 / 2**20


def main() -> None:
    """Measure and print; or, with --pass, be one of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--whole-megabytes", type=int, default=32)
    parser.add_argument("--pass", dest="name", choices=tuple(_PASSES))
    parser.add_argument("--folder", type=Path, default=Path())
    options = parser.parse_args()
    if options.name:
        print(json.dumps(_measured(options.name, options.folder)))
        return
    _report.print_machine("pyarrow", "tokenizers")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _make_tokenizer(folder / "words")
        size = _write(folder / "rows.parquet", options.megabytes)
        _show("survey", folder, size, target=f"under {_LIMIT_MIB:.0f}")
        size = _write(folder / "rows.parquet", options.whole_megabytes)
        _show("whole", folder, size)
        _show("training", folder, size)


def _show(name: str, folder: Path, size: int, *, target: str = "") -> None:
    command = [sys.executable, __file__, f"--pass={name}", f"--folder={folder}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, before, peak, what = json.loads(done.stdout.splitlines()[-1])
    print(f"{name}: {size / 2**20:.0f} MiB of Parquet, {what}")
    _report.print_figure("  time", [seconds], unit="s")
    _report.print_figure("  speed", [size / 2**20 / seconds], unit="MiB/s")
    _report.print_figure("  resident before it began", [before], unit="MiB")
    _report.print_figure("  peak resident memory", [peak], unit="MiB", target=target)


def _make_tokenizer(folder: Path) -> None:
    from tuning_data import make_tokenizer

    make_tokenizer(folder)


def _write(path: Path, megabytes: int) -> int:
    """Rows of a few hundred words of Python's own documentation, drawn at random."""
    chance = random.Random(1)
    words = [word for text in topics.values() for word in text.split()]
    schema = pa.schema({"prompt": pa.string(), "completion": pa.string()})
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        while path.stat().st_size < megabytes * 2**20:
            texts = [" ".join(chance.choices(words, k=_WORDS)) for _ in range(_ROWS_PER_GROUP)]
            prompts = [f"{text[:64]}?" for text in texts]
            writer.write_table(pa.table({"prompt": prompts, "completion": texts}, schema=schema))
    return path.stat().st_size


def _measured(name: str, folder: Path) -> tuple[float, float, float, str]:
    import torch  # noqa: F401 - the trainer counts GPUs before anything else

    from kaito.runtimes.tuning import run  # noqa: F401 - with all that it needs

    before = _resident()
    started = time.perf_counter()
    what = _PASSES[name](folder)
    return time.perf_counter() - started, before, _resident(), what


def _survey(folder: Path) -> str:
    from kaito.runtimes.tuning.survey import Surveyor

    arrived, encoder, settings = _given(folder)
    record = Surveyor(encoder, settings).look(arrived, folder=folder / "samples")
    return f"{record.rows} rows, tokens of {record.sampled} counted"


def _whole(folder: Path) -> str:
    from kaito.runtimes.tuning.preflight import prepare_data

    record = prepare_data(*_given(folder), folder=folder / "samples").record
    return f"{record.rows} rows, {record.tokens} tokens"


def _training(folder: Path) -> str:
    from datasets import Dataset

    path = folder / "samples" / "train.arrow"
    dataset = Dataset.from_file(str(path))
    longest = max(dataset["length"][:])
    return f"{path.stat().st_size / 2**20:.0f} MiB of samples mapped, the longest of {longest}"


_PASSES = {"survey": _survey, "whole": _whole, "training": _training}


def _given(folder: Path) -> tuple[tuple[Arrived, ...], Encoder, DataSettings]:
    from kaito.runtimes.tuning.model import load_tokenizer

    tokenizer = load_tokenizer(folder / "words", read_settings("", "lora"))
    arrived = (Arrived(path=folder / "rows.parquet", name="rows.parquet", source="here"),)
    return arrived, Encoder(tokenizer, max_length=4096), DataSettings()


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
