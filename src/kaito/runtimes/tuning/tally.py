"""What reading the data comes to: counts while rows stream through, and the record of them.

Rows are judged here, so that a look over the data and the pass that keeps it judge alike. Text is
never kept, but for the few samples that the model is asked about.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from kaito.api.tuning_record import Bucket, DataFile, DatasetRecord, DroppedRow, RowShape
from kaito.runtimes.tuning.data.encode import Encoded
from kaito.runtimes.tuning.data.files import RowFile
from kaito.runtimes.tuning.data.row import Row
from kaito.runtimes.tuning.data.rows import (
    NO_SHAPE,
    Chat,
    Columns,
    Pair,
    Sample,
    Unusable,
    check_columns,
    to_sample,
)
from kaito.runtimes.tuning.errors import DataRefused
from kaito.runtimes.tuning.sources.arrived import digest_file

TOGETHER: Final = 128
"""Rows that are tokenized, and told of, together."""
_TOGETHER_CHARACTERS: Final = 100_000
_SHOWN_ROWS: Final = 20
_NAMED_ROWS: Final = 5
_NAMED_REASONS: Final = 5
_REMEMBERED: Final = 100_000
"""Different samples, after which nothing is compared: memory does not grow with the data."""
_SEE: Final = "see docs/how-to/data-formats.md for what rows may look like"
_WITHOUT_NAMES: Final = (
    "name them under DatasetConfig: context_column and response_column, or messages_column; the "
    "first line of a CSV file has the names; see docs/how-to/data-formats.md"
)
_BUCKETS: Final = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts while rows stream through."""

    rows: int = 0
    samples: int = 0
    """Whose tokens were counted."""
    tokens: int = 0
    learned: int = 0
    longest: int = 0
    longest_cut: int = 0
    truncated: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    shapes: Counter[RowShape] = field(default_factory=Counter)
    buckets: Counter[int] = field(default_factory=Counter)
    dropped: list[DroppedRow] = field(default_factory=list)
    repeated: int = 0
    """Samples that are as an earlier one."""
    known: set[int] = field(default_factory=set)
    """Hashes of samples."""

    def compare(self, sample: Sample) -> None:
        """Count a sample that was there before; no more than `_REMEMBERED` are compared."""
        if len(self.known) < _REMEMBERED:
            before = len(self.known)
            self.known.add(hash(sample))
            self.repeated += len(self.known) == before

    def drop(self, file: str, row: int, reason: str) -> None:
        """Leave a row out."""
        self.reasons[reason] += 1
        if len(self.dropped) < _SHOWN_ROWS:
            self.dropped.append(DroppedRow(file=file, row=row, reason=reason))

    def count(self, encoded: Encoded) -> None:
        """Count a sample that is trained on."""
        self.samples += 1
        self.tokens += len(encoded.ids)
        self.learned += encoded.learned
        self.longest = max(self.longest, encoded.length)
        self.longest_cut = max(self.longest_cut, len(encoded.ids))
        self.truncated += encoded.length > len(encoded.ids)
        self.buckets[_bucket(encoded.length)] += 1


class Judge:
    """Says of each row what it is, or leaves it out with a reason."""

    def __init__(self, tally: Tally, columns: Columns) -> None:
        self._tally = tally
        self._columns = columns
        self._is_first = True

    def samples(self, rows: Iterable[Row], file: str) -> Iterator[tuple[int, Sample]]:
        """The rows of one file that can be trained on, with their numbers.

        Raises:
            SettingRefused: DatasetConfig names a column that is not there.
        """
        for row in rows:
            self._tally.rows += 1
            if row.problem:
                self._tally.drop(file, row.number, row.problem)
                continue
            if self._is_first:
                check_columns(self._columns, map(str, row.value))
                self._is_first = False
            try:
                sample = to_sample(row.value, self._columns)
            except Unusable as error:
                self._tally.drop(file, row.number, str(error))
            else:
                self._tally.compare(sample)
                yield row.number, sample


def batched(rows: Iterable[tuple[int, Sample]]) -> Iterator[list[tuple[int, Sample]]]:
    """Rows to be tokenized together: a hundred, or fewer where they are long."""
    batch: list[tuple[int, Sample]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += count_characters(row[1])
        if len(batch) >= TOGETHER or size >= _TOGETHER_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def told_rows(rows: Iterable[Row], told: Callable[[int, str], None], file: str) -> Iterator[Row]:
    """The same rows; `told` hears of every 128 of them."""
    for index, row in enumerate(rows, start=1):
        yield row
        if index % TOGETHER == 0:
            told(TOGETHER, file)


def count_characters(sample: Sample) -> int:
    """Of its text."""
    if isinstance(sample, Chat):
        return sum(len(message.content) for message in sample.messages)
    if isinstance(sample, Pair):
        return len(sample.prompt) + len(sample.completion)
    return len(sample.text)


def shape_of(sample: Sample) -> RowShape:
    """As records name it."""
    if isinstance(sample, Chat):
        return "messages"
    return "prompt" if isinstance(sample, Pair) else "text"


def describe_file(file: RowFile, rows: int) -> DataFile:
    """One file for the record."""
    arrived = file.arrived
    return DataFile(
        name=file.name,
        size=arrived.size,
        digest=arrived.digest or digest_file(arrived.path),
        format=str(file.kind),
        rows=rows,
        source=arrived.source,
    )


def to_record(
    tally: Tally, files: tuple[DataFile, ...], *, samples: int, evaluation: int
) -> DatasetRecord:
    """What was found, but for what only the model's plan can say."""
    filled = [upto for upto in _BUCKETS if tally.buckets[upto]]
    shown = [upto for upto in _BUCKETS if filled and filled[0] <= upto <= filled[-1]]
    digests = sorted(f"{file.digest} {file.name}" for file in files)
    return DatasetRecord(
        digest=f"sha256:{hashlib.sha256(chr(10).join(digests).encode()).hexdigest()}",
        files=files,
        rows=tally.rows,
        samples=samples,
        evaluation=evaluation,
        dropped=sum(tally.reasons.values()),
        dropped_rows=tuple(tally.dropped),
        dropped_reasons=dict(tally.reasons.most_common(_SHOWN_ROWS)),
        repeated=tally.repeated,
        shapes=dict(sorted(tally.shapes.items())),
        tokens=tally.tokens,
        learned_tokens=tally.learned,
        longest=tally.longest,
        truncated=tally.truncated,
        histogram=tuple(Bucket(upto=upto, count=tally.buckets[upto]) for upto in shown),
        loss_on="answers" if tally.learned < tally.tokens else "everything",
    )


def refuse_if_mostly_unusable(tally: Tally, *, judged: int) -> None:
    """Refuse data of which nothing, or the smaller part of what was judged, is left."""
    dropped = sum(tally.reasons.values())
    if not tally.rows:
        raise DataRefused("the data has no rows")
    if not dropped or (dropped < judged and dropped * 2 <= judged):
        return
    # The commonest reason decides what would help.
    (reason, _) = tally.reasons.most_common(1)[0]
    raise DataRefused(
        f"{dropped} of {judged} rows cannot be trained on: {_name_rows(tally.dropped)}",
        hint=_WITHOUT_NAMES if reason.startswith(NO_SHAPE) else _SEE,
    )


def _name_rows(dropped: Sequence[DroppedRow]) -> str:
    """The first rows that are left out; those of one file with one reason together."""
    alike: dict[tuple[str, str], list[int]] = {}
    for row in dropped:
        alike.setdefault((row.file, row.reason), []).append(row.row)
    named = []
    for (file, reason), rows in list(alike.items())[:_NAMED_REASONS]:
        others = ", ".join(map(str, rows[1:_NAMED_ROWS]))
        more = ", ..." if len(rows) > _NAMED_ROWS else ""
        word = "rows" if len(rows) > 2 else "row"
        also = f" (also {word} {others}{more})" if others else ""
        named.append(f"{file} row {rows[0]} {reason}{also}")
    return "; ".join(named)


def _bucket(length: int) -> int:
    return next((upto for upto in _BUCKETS if length <= upto), _BUCKETS[-1])
