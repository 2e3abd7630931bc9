"""The preflight of a large Parquet file: how long it takes, and the most memory it holds.

    PYTHONPATH=tests/support .venv/bin/python benchmarks/preflight.py [--megabytes 1024]

The file is not compressed, so that it is as large as its text. Tokens are counted with a small
tokenizer; the process that counts does nothing else, and its peak is measured by the kernel.
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
from tuning_data import make_tokenizer

import _report

_ROWS_PER_GROUP = 4096
_WORDS = 400


def main() -> None:
    """Measure and print; or, with --folder, be the preflight."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.folder:
        _preflight(options.folder)
        return
    _report.print_machine("pyarrow", "tokenizers")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_tokenizer(folder / "words")
        size = _write(folder / "rows.parquet", options.megabytes)
        command = [sys.executable, __file__, f"--folder={folder}"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, peak, rows = json.loads(done.stdout.splitlines()[-1])
    print(f"{rows} rows, {size / 2**20:.0f} MiB of Parquet")
    _report.print_figure("preflight", [seconds], unit="s")
    _report.print_figure("peak resident memory", [peak], unit="MiB", target="under 500")


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


def _preflight(folder: Path) -> None:
    from transformers import AutoTokenizer

    from kaito.runtimes.tuning.data.encode import Encoder
    from kaito.runtimes.tuning.preflight import prepare_data
    from kaito.runtimes.tuning.settings import DataSettings
    from kaito.runtimes.tuning.sources.arrived import Arrived

    encoder = Encoder(AutoTokenizer.from_pretrained(folder / "words"), max_length=4096)
    arrived = (Arrived(path=folder / "rows.parquet", name="rows.parquet", source="here"),)
    started = time.perf_counter()
    record = prepare_data(arrived, encoder, DataSettings(), folder=folder / "samples").record
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([seconds, peak, record.rows]))


if __name__ == "__main__":
    main()
