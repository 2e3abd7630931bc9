"""A look over data that takes minutes to tokenize, so that nonsense ends the job in seconds.

The shape of every row is judged, which is quick (about 100 MB a second and core); tokens, the slow
part (about 1 MB a second and core), are counted on rows drawn at random, about 6 MiB of text. The
record says of how many rows. Memory is that of one batch, and neither torch nor a weight is needed.
"""

import logging
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from kaito.api.tuning_record import DataFile, DatasetRecord
from kaito.base.logs import facts
from kaito.base.quantity import MIB
from kaito.runtimes.tuning.data.encode import Encoder
from kaito.runtimes.tuning.data.files import RowFile, open_files, read_rows
from kaito.runtimes.tuning.data.rows import Sample
from kaito.runtimes.tuning.facts import max_tokens, read_context
from kaito.runtimes.tuning.job import Job
from kaito.runtimes.tuning.model import load_tokenizer
from kaito.runtimes.tuning.preflight import select_files
from kaito.runtimes.tuning.settings import DataSettings
from kaito.runtimes.tuning.sources.arrived import Arrived
from kaito.runtimes.tuning.tally import (
    Judge,
    Tally,
    batched,
    count_characters,
    describe_file,
    refuse_if_mostly_unusable,
    shape_of,
    to_record,
    told_rows,
)

logger = logging.getLogger(__name__)

SURVEYED_BYTES: Final = 32 * MIB
"""Data of less is tokenized whole at once, within a minute or so."""
SAMPLED_BYTES: Final = 6 * MIB


def survey_job(
    job: Job, arrived: tuple[Arrived, ...], *, from_bytes: int = SURVEYED_BYTES
) -> DatasetRecord | None:
    """Look over a job's data where it is large, and tell what is in it; None where it is small.

    Raises:
        DataRefused: nothing useful in the data, or no model.
        SettingRefused: a setting names what is not there.
    """
    if sum(file.size for file in arrived) < from_bytes:
        return None
    most = max_tokens(job.settings, read_context(job.model))
    encoder = Encoder(
        load_tokenizer(job.model, job.settings),
        max_length=most,
        answers_only=job.settings.answers_only,
    )
    record = Surveyor(encoder, job.settings.data).look(
        arrived, folder=job.scratch / "samples", told=job.tell_rows
    )
    record = msgspec.structs.replace(
        record, max_length=most, has_chat_template=encoder.has_template
    )
    job.ledger.write_dataset(record)
    job.ledger.progress(samples=record.samples, dropped=record.dropped, tokens=record.tokens)
    logger.info(
        "looked over the data", extra=facts(rows=record.rows, tokens_counted_of=record.sampled)
    )
    # What follows reads all of it once more, to keep it as tokens.
    job.board.start_stage("preflight", total=record.rows)
    return record


class Surveyor:
    """Looks over data with one model's tokenizer."""

    def __init__(
        self, encoder: Encoder, settings: DataSettings, *, sampled_bytes: int = SAMPLED_BYTES
    ) -> None:
        self._encoder = encoder
        self._settings = settings
        self._sampled_bytes = sampled_bytes

    def look(
        self,
        arrived: tuple[Arrived, ...],
        *,
        folder: Path,
        told: Callable[[int, str], None] = lambda _size, _item: None,
    ) -> DatasetRecord:
        """What is in the data; its tokens by a sample of `sampled` rows, of which the histogram is.

        Raises:
            DataRefused: there is nothing to train on, or most of it is no data.
            SettingRefused: DatasetConfig names a column that is not there.
        """
        selected = select_files(arrived, self._settings)
        tally, unfit, counted = Tally(), Tally(), list[tuple[RowFile, int]]()
        judge = Judge(tally, self._settings.columns)
        size = sum(file.size for file in selected)
        draw = _Draw(size, wanted=self._sampled_bytes, seed=self._settings.seed)
        for file in open_files(selected):
            before = tally.rows
            rows = told_rows(read_rows(file, folder), told, file.name)
            drawn = _drawn(judge.samples(rows, file.name), draw, tally)
            self._count(drawn, file.name, tally, unfit)
            counted.append((file, tally.rows - before))
        refuse_if_mostly_unusable(tally, judged=tally.rows)
        unfit.rows = tally.samples + sum(unfit.reasons.values())
        refuse_if_mostly_unusable(unfit, judged=unfit.rows)
        described = tuple(describe_file(file, rows) for file, rows in counted)
        return _reckoned(tally, described, sampled=unfit.rows)

    def _count(
        self, drawn: Iterator[tuple[int, Sample]], file: str, tally: Tally, unfit: Tally
    ) -> None:
        """The tokens of the sample's rows of one file; `unfit` takes those that have none."""
        for numbered in batched(drawn):
            encoded = self._encoder.encode([sample for _, sample in numbered])
            for (number, _), result in zip(numbered, encoded, strict=True):
                if isinstance(result, str):
                    unfit.drop(file, number, result)
                else:
                    tally.count(result)


def _reckoned(tally: Tally, files: tuple[DataFile, ...], *, sampled: int) -> DatasetRecord:
    """The record; what was counted on the sample stands for all rows that have a shape."""
    fit = sum(tally.shapes.values()) * tally.samples // max(sampled, 1)
    record = to_record(tally, files, samples=fit, evaluation=0)
    return msgspec.structs.replace(
        record,
        sampled=sampled,
        tokens=record.tokens * fit // max(tally.samples, 1),
        learned_tokens=record.learned_tokens * fit // max(tally.samples, 1),
    )


class _Draw:
    """Chooses rows so that about `wanted` bytes of text come together, from everywhere."""

    def __init__(self, size: int, *, wanted: int, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a sample, not a secret
        self._share = min(wanted / max(size, 1), 1.0)
        # Compressed files hold more than their size: the sample does not grow with that.
        self._left = 2 * wanted
        self._is_first = True

    def takes(self, sample: Sample) -> bool:
        """Whether this one is of the sample; the first always is."""
        is_first, self._is_first = self._is_first, False
        if self._left <= 0 or not (is_first or self._chance.random() < self._share):
            return False
        self._left -= count_characters(sample)
        return True


def _drawn(
    rows: Iterator[tuple[int, Sample]], draw: _Draw, tally: Tally
) -> Iterator[tuple[int, Sample]]:
    """The rows of the sample; the shape of all of them is counted."""
    for number, sample in rows:
        tally.shapes[shape_of(sample)] += 1
        if draw.takes(sample):
            yield number, sample
