"""Reads all data once, before any weight is loaded: what is there, what is left out and why.

Rows stream through: a file's batch, its samples, their tokens, the sample file that training maps.
Memory does not grow with the data. What is found is a `DatasetRecord`; nothing useful left, or most
of it unreadable, is a refusal that names the first rows. Data that takes minutes to tokenize is
looked over before (`survey`).
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from kaito.api.tuning_record import DatasetRecord
from kaito.runtimes.tuning.data.encode import Encoded, Encoder
from kaito.runtimes.tuning.data.files import RowFile, find_called, open_files, read_rows
from kaito.runtimes.tuning.data.row import Row
from kaito.runtimes.tuning.data.rows import Sample
from kaito.runtimes.tuning.data.store import SampleWriter
from kaito.runtimes.tuning.errors import DataRefused
from kaito.runtimes.tuning.settings import DataSettings
from kaito.runtimes.tuning.sources.arrived import Arrived
from kaito.runtimes.tuning.tally import (
    Judge,
    Tally,
    batched,
    describe_file,
    refuse_if_mostly_unusable,
    shape_of,
    to_record,
    told_rows,
)

_ANSWERS: Final = 3


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
    files = open_files(select_files(arrived, settings))
    tally, counted = Tally(), list[tuple[RowFile, int]]()
    train, evaluation = folder / "train.arrow", folder / "evaluation.arrow"
    with SampleWriter(train) as kept, SampleWriter(evaluation) as held_out:
        sink = _Sink(encoder=encoder, settings=settings, tally=tally, kept=kept, held_out=held_out)
        for file in files:
            before = tally.rows
            rows = told_rows(read_rows(file, folder), told, file.name)
            sink.take(rows, file.name)
            counted.append((file, tally.rows - before))
    refuse_if_mostly_unusable(tally, judged=tally.rows)
    if not kept.count:
        raise DataRefused(
            "no row is left to train on: train_test_split holds all of them out",
            hint="set a larger DatasetConfig.train_test_split",
        )
    # After all refusals: checksums take their time too.
    described = tuple(describe_file(file, rows) for file, rows in counted)
    return Prepared(
        record=to_record(tally, described, samples=kept.count, evaluation=held_out.count),
        train=train,
        evaluation=evaluation if held_out.count else None,
        questions=sink.questions if settings.shows_samples else (),
        longest=tally.longest_cut,
    )


def select_files(arrived: tuple[Arrived, ...], settings: DataSettings) -> tuple[Arrived, ...]:
    """The files that DatasetConfig asks for, where it does."""
    kind = tuple(file for file in arrived if settings.extension in file.name.lower())
    # What was fetched lies elsewhere, and is called as its address, image or data set says.
    called = find_called([file.name for file in kind], settings.path)
    chosen = tuple(file for file in kind if _lies_at(file.path, settings.path)) or tuple(
        file for file in kind if file.name in called
    )
    if not chosen:
        asked = settings.path or f"*.{settings.extension}"
        raise DataRefused(
            f"DatasetConfig asks for {asked}, which is not among the data",
            hint=f"there are {', '.join(file.name for file in arrived[:5])}",
        )
    return chosen


class _Sink:
    """Where rows go: judged, tokenized, counted and kept, some of them held out."""

    def __init__(
        self,
        *,
        encoder: Encoder,
        settings: DataSettings,
        tally: Tally,
        kept: SampleWriter,
        held_out: SampleWriter,
    ) -> None:
        self._encoder = encoder
        self._share = settings.train_share
        self._judge = Judge(tally, settings.columns)
        self._tally = tally
        self._kept = kept
        self._held_out = held_out
        self._asked: dict[bool, list[Sample]] = {False: [], True: []}
        # Which rows are held out is no secret, and must be the same at every attempt.
        self._chance = random.Random(settings.seed)  # noqa: S311

    @property
    def questions(self) -> tuple[Sample, ...]:
        """A few samples: held-out ones where there are any."""
        return tuple(self._asked[True] or self._asked[False])

    def take(self, rows: Iterable[Row], file: str) -> None:
        """Keep what can be trained on of one file."""
        for numbered in batched(self._judge.samples(rows, file)):
            encoded = self._encoder.encode([sample for _, sample in numbered])
            for (number, sample), result in zip(numbered, encoded, strict=True):
                if isinstance(result, str):
                    self._tally.drop(file, number, result)
                else:
                    self._keep(sample, result)

    def _keep(self, sample: Sample, encoded: Encoded) -> None:
        self._tally.shapes[shape_of(sample)] += 1
        is_held = self._chance.random() >= self._share
        if len(self._asked[is_held]) < _ANSWERS:
            self._asked[is_held].append(sample)
        if is_held:
            self._held_out.add(encoded)
        else:
            self._tally.count(encoded)
            self._kept.add(encoded)


def _lies_at(path: Path, wanted: str) -> bool:
    """Whether a path names the file: itself, a folder above it, or a pattern such as `*.jsonl`."""
    return not wanted or path.is_relative_to(wanted) or fnmatchcase(str(path), wanted)
