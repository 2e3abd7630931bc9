"""What the programs in our pods say about themselves: `GET /kaito/report` on their HTTP port.

The weights program, the server and the trainer answer it with one `PodReport` as JSON, from their
first second on, without a key: nothing in it is secret. The control plane asks pods that are on
their way (`kaito.kube.reports`) and keeps the answers in a cache beside the informers', where
controllers observe them as they observe any object. The API server never sees them. Pure types.
"""

from typing import Final, Literal, TypeAlias

from kaito.api import labels
from kaito.api.meta import Object, Wire
from kaito.api.resources import Resource

REPORT_PATH: Final = "/kaito/report"

StageName: TypeAlias = Literal[
    "wait", "look", "download", "convert", "check", "import", "load", "answer",
    "preflight", "train", "evaluate", "save", "push",
]  # fmt: skip
"""wait for another pod's download, look for a source, download, convert, check sums; import the
engine, load the model, answer the first request; and a tuning job's own."""

AdapterState: TypeAlias = Literal["Fetching", "Loading", "Ready", "Failed"]


class StageReport(Wire):
    """One stage of a start; in the order in which they began."""

    name: str
    """A `StageName`; unknown ones come from newer releases."""
    seconds: float = 0.0
    """How long it has taken so far, or took."""
    is_over: bool = False
    """Whether it ended well."""
    done: int = 0
    """Bytes, or steps, that are done."""
    total: int = 0
    """Of how many; 0: not known."""
    eta_seconds: int = -1
    """Seconds that are left; -1: not known."""
    item: str = ""
    """What is being worked on, such as a file's name."""


class AdapterReport(Wire):
    """One adapter that the server was told to serve."""

    name: str
    """The model name it is served under."""
    state: AdapterState = "Fetching"
    message: str = ""
    """Why it failed, or how far it is; one line."""
    source: str = ""
    """Where it comes from, as `kaito.api.weight_source` spells it."""
    digest: str = ""
    """Of the content that is served; empty where the source has none."""
    strength: float = 1.0


class LossPoint(Wire):
    """One logged step."""

    step: int
    loss: float
    evaluation: float | None = None
    """Loss on the held-out samples, where one was measured at this step."""


class TuningReport(Wire):
    """How far a tuning job is."""

    step: int = 0
    steps: int = 0
    epoch: float = 0.0
    loss: float | None = None
    learning_rate: float | None = None
    tokens_per_second: float | None = None
    eta_seconds: int = -1
    checkpoint: str = ""
    """The last one that can be resumed from, such as `checkpoint-40`."""
    resumed_from: str = ""
    """The checkpoint this run started from."""
    evaluation: float | None = None
    """Last loss on held-out samples."""
    samples: int = 0
    """That are trained on."""
    dropped: int = 0
    """That the preflight left out."""
    tokens: int = 0
    """In all samples, after truncation."""
    result: str = ""
    """Where the adapter went: an image reference with its digest, or a path."""
    curve: tuple[LossPoint, ...] = ()
    """At most 200 points over the whole run."""


class PodReport(Object):
    """What one pod says about itself. Its name is the pod's."""

    program: Literal["weights", "serving", "tuning"] = "serving"
    stages: tuple[StageReport, ...] = ()
    adapters: tuple[AdapterReport, ...] = ()
    tuning: TuningReport | None = None
    context_tokens: int = 0
    """Longest sequence that the engine accepts; 0: not known yet."""
    cache_tokens: int = 0
    """Tokens that the engine's cache holds; 0: not known."""
    engine: str = ""
    """Name and version, such as `vllm 0.32.0`."""
    warnings: tuple[str, ...] = ()
    """What goes on but is not as it was asked for, one line each."""
    record: str = ""
    """A trainer's: all that is known about the job, a `TuningRecord` as JSON."""


REPORTS = Resource(
    group=f"report.{labels.GROUP}", version="v1", plural="podreports", kind="PodReport",
    type=PodReport,
)  # fmt: skip
"""Never served by an API server: only the name under which a `Reader` finds reports."""
