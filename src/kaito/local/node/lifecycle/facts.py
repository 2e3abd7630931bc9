"""The values that `decide` takes and gives: what is known of a pod's processes, and what to do.

A container's history is its runs: each execution is one `Run` with a rising attempt number, so a
restart count, the last state and the backoff need no memory outside the run records.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NewType, TypeAlias

from kaito.api.meta import Manifest
from kaito.local.node.pod import Pod

RunId = NewType("RunId", str)
ProbeKind: TypeAlias = Literal["startup", "readiness", "liveness"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a run ended. `signal` is 0 when the process ended by itself."""

    code: int
    signal: int = 0
    finished_at: datetime
    reason: str
    """Completed, Error, OOMKilled or StartError."""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of one container."""

    id: RunId
    attempt: int
    """0 for the first; the restart count while this is the newest run."""
    spec_hash: str
    """Digest of the container's spec that it was started from."""
    backoff: float = 0.0
    """Seconds that a failure of this run has to wait before the next one starts."""
    started_at: datetime | None = None
    """None until the program has really been executed."""
    exit: Exit | None = None
    stop_by: datetime | None = None
    """Set while it is being stopped: when it is killed at the latest."""

    @property
    def is_running(self) -> bool:
        """Whether its program executes now."""
        return self.started_at is not None and self.exit is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Why something cannot begin: a CamelCase reason and a line for people."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFacts:
    """The results of one probe of one run."""

    last_started: datetime | None = None
    in_flight: bool = False
    successes: int = 0
    """In a row, up to now."""
    failures: int = 0
    """In a row, up to now."""
    passing: bool = False
    """The verdict: it changes only when a threshold is reached."""
    failed: bool = False
    """Whether the failure threshold was reached and no success threshold since."""
    message: str = ""
    """What the newest failure said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """What is known of one container."""

    runs: tuple[Run, ...] = ()
    """The newest runs, oldest first; two are enough."""
    block: Block | None = None
    """Set when its configuration keeps it from starting."""
    probes: Mapping[ProbeKind, ProbeFacts] = field(default_factory=dict)
    """Of the newest run only."""

    @property
    def run(self) -> Run | None:
        """The newest run."""
        return self.runs[-1] if self.runs else None

    @property
    def previous(self) -> Run | None:
        """The run before the newest."""
        return self.runs[-2] if len(self.runs) > 1 else None

    def probe(self, kind: ProbeKind) -> ProbeFacts:
        """What one probe found; nothing yet when it never ran."""
        return self.probes.get(kind, ProbeFacts())


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """Everything one decision about one pod is made from."""

    pod: Pod
    containers: Mapping[str, ContainerFacts]
    pod_ip: str
    host_ip: str = "127.0.0.1"
    has_volumes: bool = True
    """Whether every volume is ready to be mounted."""
    refusal: Block | None = None
    """Set when this machine does not admit the pod at all; it fails at once."""

    def of(self, name: str) -> ContainerFacts:
        """The facts of one container; empty when it never ran."""
        return self.containers.get(name, ContainerFacts())


@dataclass(frozen=True, slots=True, kw_only=True)
class StartContainer:
    """Execute a container once more."""

    container: str
    attempt: int
    backoff: float
    """What the new run's record has to carry: see `Run.backoff`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopContainer:
    """Ask a run to end (preStop hook, SIGTERM) and kill it when the grace is over."""

    container: str
    run: RunId
    grace: float
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProbe:
    """Probe a run once, now."""

    container: str
    run: RunId
    kind: ProbeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePod:
    """Nothing of the pod runs any more: free what it held, then delete the object for good."""


Command: TypeAlias = StartContainer | StopContainer | RunProbe | RemovePod


@dataclass(frozen=True, slots=True, kw_only=True)
class PodEvent:
    """Something to tell people about the pod."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to report and what to do, and when to look again if nothing changes before."""

    status: Manifest
    commands: tuple[Command, ...] = ()
    events: tuple[PodEvent, ...] = ()
    wake_at: datetime | None = None
