"""What a tuning job writes down about itself, for people and for `kaito tune report`.

    results/kaito-dataset.json   `DatasetRecord`: what the preflight found, before any training
    results/kaito-tuning.json    `TuningRecord`: the same again, the settings, the curve, answers
                                 before and after, and where the result went

The record is replaced whole (a rename) at every logged step, so that a reader never sees half of
one, and what a killed job leaves behind says how far it came. Pure types.
"""

from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from kaito.api.meta import Wire
from kaito.api.report import TuningReport
from kaito.base.errors import KaitoError

RowShape: TypeAlias = Literal["messages", "prompt", "text"]
"""A conversation; a prompt and its completion; bare text."""
LossOn: TypeAlias = Literal["answers", "everything"]
"""Which tokens are learned: those of the assistant (or the completion), or all."""
COMPLETED_FILE: Final = "fine_tuning_completed.txt"
"""Under the results, once the adapter is whole: KAITO's name for it."""

# Annotations of a pushed adapter's manifest; the first is KAITO's.
ANNOTATION_MODEL: Final = "sh.kaito.model.name"
ANNOTATION_BASE: Final = "sh.kaito.base.model"
ANNOTATION_BASE_REVISION: Final = "sh.kaito.base.revision"
ANNOTATION_METHOD: Final = "sh.kaito.tuning.method"
ANNOTATION_DATASET: Final = "sh.kaito.tuning.dataset"
"""Digest of the data."""
ANNOTATION_ADAPTER: Final = "sh.kaito.tuning.adapter"
"""Digest of the adapter's weights: says whether a tag holds this very result."""
ANNOTATION_LOSS: Final = "sh.kaito.tuning.loss"
ANNOTATION_EVALUATION: Final = "sh.kaito.tuning.evaluation"
ANNOTATION_STEPS: Final = "sh.kaito.tuning.steps"
FULL_MODEL_TYPE: Final = "application/vnd.kaito.model.v1"
"""Artifact type of a model that was trained whole."""

TuningState: TypeAlias = Literal[
    "Preparing", "Training", "Trained", "Pushing", "Done", "Paused", "Failed"
]


class Bucket(Wire):
    """One bar of a histogram: samples of more than the bar before's, and at most `upto`, tokens."""

    upto: int
    count: int


class DataFile(Wire):
    """One file that rows were read from."""

    name: str
    size: int
    """Bytes, as it came."""
    digest: str = ""
    """`sha256:HEX` of those bytes."""
    format: str = ""
    """parquet, jsonl, json, csv or arrow; with `+gz` and the like where it is compressed."""
    rows: int = 0
    source: str = ""
    """The address, image, data set or folder it came from; without credentials."""


class DroppedRow(Wire):
    """One row that is not trained on."""

    file: str
    row: int
    """From 1; in a text file the line."""
    reason: str


class DatasetRecord(Wire):
    """What the preflight found."""

    digest: str = ""
    """`sha256:HEX` over the files' digests, sorted: equal data, equal digest."""
    files: tuple[DataFile, ...] = ()
    rows: int = 0
    samples: int = 0
    """That are trained on."""
    evaluation: int = 0
    """That are held out."""
    dropped: int = 0
    dropped_rows: tuple[DroppedRow, ...] = ()
    """The first of them."""
    dropped_reasons: dict[str, int] = {}
    """How many rows by reason."""
    repeated: int = 0
    """Samples that are as an earlier one; looked for among the first hundred thousand."""
    shapes: dict[str, int] = {}
    """How many rows by `RowShape`."""
    tokens: int = 0
    """In all samples that are trained on, after truncation."""
    learned_tokens: int = 0
    """Those of them that count for the loss."""
    sampled: int = 0
    """Rows whose tokens were counted, where that is a sample of all: then `samples`, `tokens` and
    `learned_tokens` are reckoned from it, and the histogram is of it alone. 0: all were."""
    longest: int = 0
    """Tokens of the longest sample, before truncation."""
    max_length: int = 0
    """Tokens at which a sample is cut."""
    truncated: int = 0
    """Samples that are cut there."""
    histogram: tuple[Bucket, ...] = ()
    has_chat_template: bool = False
    loss_on: LossOn = "everything"
    steps: int = 0
    """Optimizer steps that the settings ask for."""
    memory_bytes: int = 0
    """Estimate of what training takes at most."""
    memory_limit_bytes: int = 0
    seconds: int = -1
    """Estimate of the training's time; -1: not known before the first steps."""
    warnings: tuple[str, ...] = ()


class Answer(Wire):
    """One held-out prompt, and what the model says to it before and after (greedily)."""

    prompt: str
    expected: str = ""
    before: str = ""
    after: str = ""


class TuningRecord(Wire):
    """All that is known about one tuning job."""

    state: TuningState = "Preparing"
    model: str = ""
    """The base model's hub id, else its folder's name."""
    revision: str = ""
    preset: str = ""
    method: str = ""
    device: str = ""
    """Such as `cpu, 2 threads` or a GPU's name."""
    started: datetime | None = None
    """Of the first attempt."""
    updated: datetime | None = None
    attempts: int = 1
    """How often the trainer was started on these results."""
    dataset: DatasetRecord = DatasetRecord()
    settings: dict[str, dict[str, str]] = {}
    """By section and key, what was used, as text: the user's and what we chose."""
    chosen: tuple[str, ...] = ()
    """`Section.key` of those that we chose or changed."""
    progress: TuningReport = TuningReport()
    trained_parameters: int = 0
    parameters: int = 0
    seconds: float = 0.0
    """Of training, over all attempts."""
    peak_memory_bytes: int = 0
    answers: tuple[Answer, ...] = ()
    adapter_digest: str = ""
    """`sha256:HEX` of adapter_model.safetensors (or of the largest file of a full model)."""
    result: str = ""
    """Where it was pushed, with its digest; empty: it stays in the results."""
    versions: dict[str, str] = {}
    """Of the libraries that trained."""
    warnings: tuple[str, ...] = ()
    failure: str = ""
    """Why it failed; one line."""

    def to_json(self) -> bytes:
        """The file's content."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def parse_tuning_record(content: bytes) -> TuningRecord:
    """Read the file; `KaitoError` says what is wrong with it."""
    try:
        return msgspec.json.decode(content, type=TuningRecord)
    except msgspec.MsgspecError as error:
        raise KaitoError(f"the tuning record cannot be read: {error}") from error
