"""Whole lives of pods, with whatever may happen to their containers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.local.node.pods import make_pod

from kaito.api.meta import Manifest
from kaito.local.node.lifecycle.decide import decide
from kaito.local.node.lifecycle.facts import (
    ContainerFacts,
    Decision,
    Exit,
    PodFacts,
    RemovePod,
    Run,
    RunId,
    StartContainer,
    StopContainer,
)
from kaito.local.node.pod import LastStatus, Pod, RestartPolicy

START = datetime(2026, 1, 1, tzinfo=UTC)
POLICIES: Sequence[RestartPolicy] = ("Always", "OnFailure", "Never")


@dataclass
class World:
    """A machine that obeys at once; containers end when they are told to, or by chance."""

    pod: Pod
    now: datetime = START
    runs: dict[str, list[Run]] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    is_removed: bool = False

    def decide(self) -> Decision:
        containers = {
            name: ContainerFacts(runs=tuple(runs[-2:])) for name, runs in self.runs.items()
        }
        facts = PodFacts(pod=self.pod, containers=containers, pod_ip="127.64.0.1")
        return decide(facts, self.now)

    def settle(self) -> Decision:
        """Carry out decisions until there is nothing left to do now."""
        for _ in range(50):
            decision = self.decide()
            self._report(decision.status)
            if not decision.commands or self.is_removed:
                return decision
            for command in decision.commands:
                match command:
                    case StartContainer():
                        self._start(command)
                    case StopContainer():
                        self.end(command.container, 143)
                    case RemovePod():
                        self.is_removed = True
        raise AssertionError("decisions never come to an end")

    def end(self, name: str, code: int) -> None:
        run = self.runs[name][-1]
        assert run.exit is None, "a run ends once"
        reason = "Error" if code else "Completed"
        ended = replace(run, exit=Exit(code=code, finished_at=self.now, reason=reason))
        self.runs[name][-1] = ended

    @property
    def active(self) -> list[str]:
        return [name for name, runs in self.runs.items() if runs[-1].exit is None]

    def _start(self, command: StartContainer) -> None:
        known = self.runs.setdefault(command.container, [])
        assert not known or known[-1].exit is not None, "never two runs of one container"
        assert command.attempt == len(known), "attempts are counted up"
        if len(known) > 1:
            waited = (self.now - _end_of(known[-1])).total_seconds()
            assert waited >= known[-1].backoff, "a restart waits for its backoff"
        self.started.append(command.container)
        known.append(
            Run(
                id=RunId(f"{command.container}-{command.attempt}"),
                attempt=command.attempt,
                spec_hash=self.pod.hashes[command.container],
                backoff=command.backoff,
                started_at=self.now,
            )
        )

    def _report(self, status: Manifest) -> None:
        before = self.pod.status.phase
        assert before not in ("Succeeded", "Failed") or status["phase"] == before, "ends are final"
        last = msgspec.convert(status, LastStatus)
        self.pod = msgspec.structs.replace(self.pod, status=last)


def _end_of(run: Run) -> datetime:
    assert run.exit is not None
    return run.exit.finished_at


def delete(world: World) -> None:
    meta = msgspec.structs.replace(world.pod.metadata, deletion_timestamp=world.now)
    world.pod = msgspec.structs.replace(world.pod, metadata=meta)


happenings = st.lists(
    st.tuples(st.sampled_from(["init", "side", "main", "other"]), st.sampled_from([0, 1, 137])),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(POLICIES), happenings, st.lists(st.integers(0, 90), max_size=12))
def test_whatever_ends_whenever_a_pod_stays_sane_and_can_be_deleted(
    policy: RestartPolicy, ends: list[tuple[str, int]], waits: list[int]
) -> None:
    world = World(
        make_pod(
            {"name": "main"},
            {"name": "other"},
            initContainers=[
                {"name": "init", "image": "x"},
                {"name": "side", "image": "x", "restartPolicy": "Always"},
            ],
            restartPolicy=policy,
        )
    )
    world.settle()
    for (name, code), wait in zip(ends, waits, strict=False):
        if name in world.active:
            world.end(name, code)
        world.now += timedelta(seconds=wait)
        world.settle()
        if "main" in world.started:
            assert world.started.index("init") < world.started.index("side")
            assert world.started.index("side") < world.started.index("main")
        if world.pod.status.phase in ("Succeeded", "Failed"):
            assert world.active == []
    delete(world)
    world.settle()
    assert world.is_removed
    assert world.active == []


def test_deciding_again_changes_nothing() -> None:
    world = World(make_pod())
    settled = world.settle()
    assert world.decide() == settled
    assert settled.status["phase"] == "Running"
