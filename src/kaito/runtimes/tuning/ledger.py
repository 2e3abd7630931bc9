"""The job's record while it runs: in the results folder, on the board, and as metrics.

The trainer's thread writes, the event loop reads. The file is replaced by renaming, at every logged
step; what an earlier attempt wrote is gone on from.
"""

from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from kaito.api.report import LossPoint, TuningReport
from kaito.api.tuning_job import DATASET_RECORD, REPORT_FILE
from kaito.api.tuning_record import DatasetRecord, TuningRecord, parse_tuning_record
from kaito.base.clock import Clock
from kaito.base.errors import KaitoError
from kaito.runtimes.reporting import Board

_CURVE_POINTS: Final = 200


class Ledger:
    """What is known about the job so far."""

    def __init__(self, results: Path, board: Board, clock: Clock) -> None:
        self._results = results
        self._board = board
        self._clock = clock
        self._record = _read(results / REPORT_FILE)

    @property
    def record(self) -> TuningRecord:
        """The current record."""
        return self._record

    def begin(self, record: TuningRecord) -> None:
        """Start an attempt; an earlier one of the same job keeps its curve and its answers."""
        before = self._record
        if before.settings == record.settings and before.dataset.digest == record.dataset.digest:
            record = msgspec.structs.replace(
                record,
                started=before.started,
                attempts=before.attempts + 1,
                progress=before.progress,
                answers=before.answers,
                seconds=before.seconds,
                peak_memory_bytes=before.peak_memory_bytes,
            )
        self.write(record)

    def update(self, **fields: object) -> None:
        """Change some of it, everywhere."""
        self.write(msgspec.structs.replace(self._record, **fields))

    def progress(self, **fields: object) -> None:
        """Change some of how far training is."""
        self.update(progress=msgspec.structs.replace(self._record.progress, **fields))

    def write(self, record: TuningRecord) -> None:
        """Keep the record: the file, then the board."""
        now = self._clock.now()
        self._record = msgspec.structs.replace(record, updated=now, started=record.started or now)
        write_whole(self._results / REPORT_FILE, self._record.to_json())
        self._board.set_tuning(self._record.progress)
        self._board.set_record(msgspec.json.encode(self._record).decode())

    def write_dataset(self, dataset: DatasetRecord) -> None:
        """Keep what the preflight found."""
        content = msgspec.json.format(msgspec.json.encode(dataset), indent=1)
        write_whole(self._results / DATASET_RECORD, content + b"\n")

    def metrics(self) -> bytes:
        """The same for Prometheus."""
        return to_metrics(self._record)


def to_curve(points: tuple[LossPoint, ...], point: LossPoint) -> tuple[LossPoint, ...]:
    """The curve with one more point, replacing one of the same step; thinned where it is long.

    Points with an evaluation are never thinned out: there are few of them.
    """
    last = points[-1] if points else None
    if last is not None and last.step == point.step:
        evaluation = point.evaluation if point.evaluation is not None else last.evaluation
        merged = msgspec.structs.replace(point, evaluation=evaluation)
        return (*points[:-1], merged)
    curve = (*points, point)
    if len(curve) <= _CURVE_POINTS:
        return curve
    kept = [one for at, one in enumerate(curve[:-1]) if at % 2 == 0 or one.evaluation is not None]
    return (*kept[: _CURVE_POINTS - 1], point)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file so that nobody ever reads half of it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.rename(path)


def to_metrics(record: TuningRecord) -> bytes:
    """Prometheus' text form of how far the job is."""
    progress = record.progress
    registry = CollectorRegistry()
    for name, text, value in _gauges(record, progress):
        if value is not None:
            Gauge(f"kaito_tuning_{name}", text, registry=registry).set(value)
    return generate_latest(registry)


def _gauges(
    record: TuningRecord, progress: TuningReport
) -> tuple[tuple[str, str, float | None], ...]:
    eta = progress.eta_seconds if progress.eta_seconds >= 0 else None
    return (
        ("step", "Optimizer steps that are done.", progress.step),
        ("steps", "Optimizer steps of the whole job.", progress.steps),
        ("epoch", "Passes over the data.", progress.epoch),
        ("loss", "Loss at the last logged step.", progress.loss),
        ("evaluation_loss", "Last loss on held-out samples.", progress.evaluation),
        ("learning_rate", "Learning rate at the last logged step.", progress.learning_rate),
        ("tokens_per_second", "Tokens trained on a second, without padding.",
         progress.tokens_per_second),
        ("eta_seconds", "Seconds that training still takes.", eta),
        ("samples", "Samples that are trained on.", progress.samples),
        ("dropped_rows", "Rows that the preflight left out.", progress.dropped),
        ("peak_memory_bytes", "Most memory used so far.", record.peak_memory_bytes or None),
    )  # fmt: skip


def _read(path: Path) -> TuningRecord:
    try:
        return parse_tuning_record(path.read_bytes())
    except (OSError, KaitoError):
        return TuningRecord()
