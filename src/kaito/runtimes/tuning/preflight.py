"""Reads all data once, before any weight is loaded: what is there, what is left out and why.

Rows stream through: a file's batch, its samples, their tokens, the sample file that training maps.
Memory does not grow with the data. What is found is a `DatasetRecord`; nothing useful left, or most
of it unreadable, is a refusal that names the first rows.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kaito.api.tuning_record import Bucket, DataFile, DatasetRecord, DroppedRow, RowShape
from kaito.runtimes.tuning.data.encode import Encoded, Encoder
from kaito.runtimes.tuning.data.files import RowFile, open_files, read_rows
from kaito.runtimes.tuning.data.row import Row
from kaito.runtimes.tuning.data.rows import Chat, Pair, Sample, Unusable, check_columns, to_sample
from kaito.runtimes.tuning.data.store import SampleWriter
from kaito.runtimes.tuning.errors import DataRefused
from kaito.runtimes.tuning.settings import DataSettings
from kaito.runtimes.tuning.sources.arrived import Arrived, digest_file

_SHOWN_ROWS: Final = 20
_NAMED_ROWS: Final = 5
_TOGETHER: Final = 128
_TOGETHER_CHARACTERS: Final = 100_000
_ANSWERS: Final = 3
_BUCKETS: Final = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Data that is ready to be trained on."""

    record: DatasetRecord
    train: Path
    evaluation: Path | None
    questions: tuple[Sample, ...]
    """A few samples to ask the model about: held-out ones where there are any."""
    longest: int
    """Tokens, after samples were cut."""


@dataclass(slots=True, kw_only=True)
class _Tally:
    """Counts while rows stream through."""

    rows: int = 0
    tokens: int = 0
    learned: int = 0
    longest: int = 0
    longest_cut: int = 0
    truncated: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    shapes: Counter[RowShape] = field(default_factory=Counter)
    buckets: Counter[int] = field(default_factory=Counter)
    dropped: list[DroppedRow] = field(default_factory=list)
    questions: list[Sample] = field(default_factory=list)
    held_questions: list[Sample] = field(default_factory=list)

    def drop(self, file: str, row: int, reason: str) -> None:
        """Leave a row out."""
        self.reasons[reason] += 1
        if len(self.dropped) < _SHOWN_ROWS:
            self.dropped.append(DroppedRow(file=file, row=row, reason=reason))

    def count(self, encoded: Encoded) -> None:
        """Count a sample that is trained on."""
        self.tokens += len(encoded.ids)
        self.learned += encoded.learned
        self.longest = max(self.longest, encoded.length)
        self.longest_cut = max(self.longest_cut, len(encoded.ids))
        self.truncated += encoded.length > len(encoded.ids)
        self.buckets[_bucket(encoded.length)] += 1


def prepare_data(
    arrived: tuple[Arrived, ...],
    encoder: Encoder,
    settings: DataSettings,
    *,
    folder: Path,
    told: Callable[[int, str], None] = lambda _size, _item: None,
) -> Prepared:
    """Read, judge, tokenize and keep all samples below `folder`.

    Args:
        arrived: the files.
        encoder: with the model's tokenizer.
        settings: what DatasetConfig says.
        folder: for the sample files; what is there is replaced.
        told: is told of every 128 rows read, and the file they are in.

    Raises:
        DataRefused: there is nothing to train on, or most of it is no data.
        SettingRefused: DatasetConfig names a column that is not there.
    """
    files = open_files(_selected(arrived, settings))
    tally, counted = _Tally(), []
    train, evaluation = folder / "train.arrow", folder / "evaluation.arrow"
    with SampleWriter(train) as kept, SampleWriter(evaluation) as held_out:
        sink = _Sink(encoder=encoder, settings=settings, tally=tally, kept=kept, held_out=held_out)
        for file in files:
            before = tally.rows
            rows = _told(read_rows(file, folder), told, file.name)
            sink.take(rows, file.name)
            counted.append(_data_file(file, tally.rows - before))
    record = _record(tally, tuple(counted), samples=kept.count, evaluation=held_out.count)
    _require_enough(record)
    return Prepared(
        record=record,
        train=train,
        evaluation=evaluation if held_out.count else None,
        questions=tuple(tally.held_questions or tally.questions),
        longest=tally.longest_cut,
    )


class _Sink:
    """Where rows go: judged, tokenized, counted and kept, some of them held out."""

    def __init__(
        self,
        *,
        encoder: Encoder,
        settings: DataSettings,
        tally: _Tally,
        kept: SampleWriter,
        held_out: SampleWriter,
    ) -> None:
        self._encoder = encoder
        self._settings = settings
        self._tally = tally
        self._kept = kept
        self._held_out = held_out
        # Which rows are held out is no secret, and must be the same at every attempt.
        self._chance = random.Random(settings.seed)  # noqa: S311
        self._is_first = True

    def take(self, rows: Iterable[Row], file: str) -> None:
        """Keep what can be trained on of one file."""
        for numbered in _batched(self._judged(rows, file)):
            encoded = self._encoder.encode([sample for _, sample in numbered])
            for (number, sample), result in zip(numbered, encoded, strict=True):
                if isinstance(result, str):
                    self._tally.drop(file, number, result)
                else:
                    self._keep(sample, result)

    def _judged(self, rows: Iterable[Row], file: str) -> Iterator[tuple[int, Sample]]:
        for row in rows:
            self._tally.rows += 1
            if row.problem:
                self._tally.drop(file, row.number, row.problem)
                continue
            if self._is_first:
                check_columns(self._settings.columns, map(str, row.value))
                self._is_first = False
            try:
                yield row.number, to_sample(row.value, self._settings.columns)
            except Unusable as error:
                self._tally.drop(file, row.number, str(error))

    def _keep(self, sample: Sample, encoded: Encoded) -> None:
        tally = self._tally
        tally.shapes[_shape(sample)] += 1
        is_held = self._chance.random() >= self._settings.train_share
        questions = tally.held_questions if is_held else tally.questions
        if len(questions) < _ANSWERS:
            questions.append(sample)
        if is_held:
            self._held_out.add(encoded)
        else:
            tally.count(encoded)
            self._kept.add(encoded)


def _selected(arrived: tuple[Arrived, ...], settings: DataSettings) -> tuple[Arrived, ...]:
    """The files that DatasetConfig asks for, where it does."""
    chosen = tuple(
        file
        for file in arrived
        if settings.extension in file.name.lower() and _is_below(file.path, settings.path)
    )
    if not chosen:
        asked = settings.path or f"*.{settings.extension}"
        raise DataRefused(
            f"DatasetConfig asks for {asked}, which is not among the data",
            hint=f"there are {', '.join(file.name for file in arrived[:5])}",
        )
    return chosen


def _is_below(path: Path, wanted: str) -> bool:
    return not wanted or path.is_relative_to(wanted) or path.name == Path(wanted).name


def _told(rows: Iterable[Row], told: Callable[[int, str], None], file: str) -> Iterator[Row]:
    for index, row in enumerate(rows, start=1):
        yield row
        if index % _TOGETHER == 0:
            told(_TOGETHER, file)


def _batched(rows: Iterable[tuple[int, Sample]]) -> Iterator[list[tuple[int, Sample]]]:
    """Rows to be tokenized together: a hundred, or fewer where they are long."""
    batch: list[tuple[int, Sample]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += _characters(row[1])
        if len(batch) >= _TOGETHER or size >= _TOGETHER_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _characters(sample: Sample) -> int:
    if isinstance(sample, Chat):
        return sum(len(message.content) for message in sample.messages)
    if isinstance(sample, Pair):
        return len(sample.prompt) + len(sample.completion)
    return len(sample.text)


def _shape(sample: Sample) -> RowShape:
    if isinstance(sample, Chat):
        return "messages"
    return "prompt" if isinstance(sample, Pair) else "text"


def _bucket(length: int) -> int:
    return next((upto for upto in _BUCKETS if length <= upto), _BUCKETS[-1])


def _data_file(file: RowFile, rows: int) -> DataFile:
    arrived = file.arrived
    return DataFile(
        name=file.name,
        size=arrived.size,
        digest=arrived.digest or digest_file(arrived.path),
        format=str(file.kind),
        rows=rows,
        source=arrived.source,
    )


def _record(
    tally: _Tally, files: tuple[DataFile, ...], *, samples: int, evaluation: int
) -> DatasetRecord:
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
        shapes=dict(sorted(tally.shapes.items())),
        tokens=tally.tokens,
        learned_tokens=tally.learned,
        longest=tally.longest,
        truncated=tally.truncated,
        histogram=tuple(Bucket(upto=upto, count=tally.buckets[upto]) for upto in shown),
        loss_on="answers" if tally.learned < tally.tokens else "everything",
    )


def _require_enough(record: DatasetRecord) -> None:
    """Refuse data of which nothing, or the smaller part, is left."""
    if not record.rows:
        raise DataRefused("the data has no rows")
    if record.samples and record.dropped * 2 <= record.rows:
        return
    if not record.dropped:
        raise DataRefused(
            "no row is left to train on: train_test_split holds all of them out",
            hint="set a larger DatasetConfig.train_test_split",
        )
    named = "; ".join(
        f"{row.file} row {row.row} {row.reason}" for row in record.dropped_rows[:_NAMED_ROWS]
    )
    raise DataRefused(
        f"{record.dropped} of {record.rows} rows cannot be trained on: {named}",
        hint="see docs/how-to/data-formats.md for what rows may look like",
    )
