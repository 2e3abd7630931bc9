"""Encoded samples in a file that the trainer maps into memory, however many there are.

An Arrow stream with columns `input_ids`, `labels` and `length`, which is what `datasets` opens
without a copy.
"""

from array import array
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from kaito.runtimes.tuning.data.encode import Encoded

_BATCH: Final = 256
_SCHEMA: Final = pa.schema(
    {"input_ids": pa.list_(pa.int32()), "labels": pa.list_(pa.int32()), "length": pa.int32()}
)


class SampleWriter:
    """Writes samples a batch at a time; a context manager."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_stream(self._sink, _SCHEMA)
        self._pending: list[Encoded] = []
        self.count = 0

    def __enter__(self) -> "SampleWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._writer.close()
        self._sink.close()

    def add(self, sample: Encoded) -> None:
        """Keep one sample."""
        self._pending.append(sample)
        self.count += 1
        if len(self._pending) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        lengths = [len(sample.ids) for sample in self._pending]
        offsets = pa.array([0, *accumulate(lengths)], pa.int32())
        columns: list[Any] = [
            pa.ListArray.from_arrays(offsets, _joined([one.ids for one in self._pending])),
            pa.ListArray.from_arrays(offsets, _joined([one.labels for one in self._pending])),
            pa.array(lengths, pa.int32()),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=_SCHEMA))
        self._pending = []


def _joined(parts: "Sequence[array[int]]") -> Any:
    """All parts as one column, without a number being made an object."""
    content = b"".join(part.tobytes() for part in parts)
    return pa.Array.from_buffers(pa.int32(), len(content) // 4, [None, pa.py_buffer(content)])
