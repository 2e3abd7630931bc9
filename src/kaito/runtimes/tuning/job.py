"""One tuning job: its arguments, its settings, and what its parts share."""

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kaito.api.tuning_job import TuningArguments
from kaito.base.clock import Clock
from kaito.base.quantity import GIB
from kaito.runtimes.reporting import Board
from kaito.runtimes.tuning.errors import SettingRefused
from kaito.runtimes.tuning.identity import job_fingerprint
from kaito.runtimes.tuning.ledger import Ledger
from kaito.runtimes.tuning.plan import Plan
from kaito.runtimes.tuning.ranks import is_first_rank, rank
from kaito.runtimes.tuning.result import read_completed
from kaito.runtimes.tuning.settings import Settings, read_settings

_DOWNLOADS: Final = ".downloads"
_FINGERPRINT_LENGTH: Final = 12
"""Of a fingerprint in a folder's name."""
_AMPLE_BYTES: Final = 20 * GIB
"""Free on a volume: it takes downloads even where the node's disk has more."""


class Stopped(Exception):
    """The job was told to stop, and did; what is done is kept."""


@dataclass(slots=True, kw_only=True)
class Job:
    """What the parts of a job share."""

    arguments: TuningArguments
    settings: Settings
    fingerprint: str
    board: Board
    ledger: Ledger
    clock: Clock
    stop: threading.Event
    plan: Plan | None = None
    """Once there is one: what an ending says about memory depends on it."""

    @property
    def results(self) -> Path:
        """Where everything that is kept goes."""
        return Path(self.arguments.results)

    @property
    def model(self) -> Path:
        """The base model's folder."""
        return Path(self.arguments.model)

    @property
    def scratch(self) -> Path:
        """Where everything else goes."""
        # Jobs on one machine may share the folder: a file of the same name may be another's.
        return _scratch(self.arguments) / self.fingerprint[:_FINGERPRINT_LENGTH]

    @property
    def downloads(self) -> Path:
        """Where data is fetched to: a volume, where there is one, serves the next pod too."""
        on_volume = self._kept_downloads / f"rank-{rank()}"
        if on_volume.exists():
            return on_volume  # what is there already takes no more room
        if self.arguments.keeps_results and has_room(self.results, self.scratch):
            return on_volume
        return self.scratch / "data"

    def remove_downloads(self) -> None:
        """Free what only training needed."""
        for folder in (self._kept_downloads, self.scratch / "data"):
            shutil.rmtree(folder, ignore_errors=True)

    def remove_downloads_of_others(self) -> None:
        """Free what jobs before this one left in its results: nobody goes on with that."""
        for folder in self.results.glob(f"{_DOWNLOADS}-{'[0-9a-f]' * _FINGERPRINT_LENGTH}"):
            if folder != self._kept_downloads:
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def _kept_downloads(self) -> Path:
        return self.results / f"{_DOWNLOADS}-{self.fingerprint[:_FINGERPRINT_LENGTH]}"

    def tell_rows(self, rows: int, item: str) -> None:
        """The preflight read some more rows; and ends here where the job was told to stop."""
        self.board.advance(rows, item=item)
        if self.stop.is_set():
            raise Stopped


def open_job(arguments: TuningArguments, board: Board, clock: Clock) -> Job:
    """The job, with its settings read; `SettingRefused` where they are wrong."""
    text = _config_text(arguments.config_file)
    settings = read_settings(text, arguments.method)
    for note in settings.notes:
        board.warn(note)
    results = Path(arguments.results)
    results.mkdir(parents=True, exist_ok=True)
    # Only the first rank answers for the job; what the others write down nobody reads.
    kept = results if is_first_rank() else _scratch(arguments)
    kept.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(kept, board, clock)
    if not settings.data.shows_samples and ledger.record.answers:
        # Of an earlier job in the same results: what is told now is told without them.
        ledger.update(answers=())
    job = Job(
        arguments=arguments,
        settings=settings,
        fingerprint=job_fingerprint(arguments, text),
        board=board,
        ledger=ledger,
        clock=clock,
        stop=threading.Event(),
    )
    if is_first_rank():
        job.remove_downloads_of_others()
    return job


def is_trained(arguments: TuningArguments) -> bool:
    """Whether an earlier attempt has trained, so that only its result is to be delivered."""
    text = _config_text(arguments.config_file)
    fingerprint = job_fingerprint(arguments, text)
    return read_completed(Path(arguments.results), fingerprint) is not None


def has_room(volume: Path, scratch: Path) -> bool:
    """Whether a volume takes downloads as well as the scratch folder's disk does."""
    there = next((one for one in (scratch, *scratch.parents) if one.exists()), volume)
    free = shutil.disk_usage(volume).free
    return free >= min(shutil.disk_usage(there).free, _AMPLE_BYTES)


def _scratch(arguments: TuningArguments) -> Path:
    """This rank's own: ranks prepare the same data, each for itself."""
    return Path(arguments.scratch) / "kaito-tuning" / f"rank-{rank()}"


def _config_text(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingRefused(f"{path} cannot be read: {error}") from error
