"""What becomes of a pod: facts in `*.input.yaml`, the decision in `*.output.yaml`.

Run with KAITO_UPDATE_GOLDEN=1 to write the outputs anew, then review the difference like code.
"""

import os
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from kaito.api.meta import Manifest
from kaito.base.clock import to_rfc3339
from kaito.local.node.lifecycle.decide import decide
from kaito.local.node.lifecycle.facts import (
    Block,
    ContainerFacts,
    Decision,
    Exit,
    PodFacts,
    ProbeFacts,
    ProbeKind,
    Run,
    RunId,
)
from kaito.local.node.pod import Pod, WatchedPod, parse_pod

HERE = Path(__file__).parent
CASES = sorted(path.name.removesuffix(".input.yaml") for path in HERE.glob("*.input.yaml"))
UPDATE = os.environ.get("KAITO_UPDATE_GOLDEN") == "1"
META = {"name": "p", "namespace": "default", "uid": "u1"}


class GivenExit(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How a run ended."""

    at: datetime
    code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""


class GivenRun(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One run of a container."""

    attempt: int = 0
    backoff: float = 0
    started: datetime | None = None
    exit: GivenExit | None = None
    stop_by: datetime | None = None
    spec_changed: bool = False


class GivenContainer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is known of a container."""

    runs: list[GivenRun] = []
    block: Block | None = None
    probes: dict[ProbeKind, ProbeFacts] = {}


class Given(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One case. `about` says what it shows."""

    about: str
    now: datetime
    pod: WatchedPod
    containers: dict[str, GivenContainer] = {}
    has_volumes: bool = True
    refusal: Block | None = None


@pytest.mark.parametrize("case", CASES)
def test_the_decision_is_the_recorded_one(case: str) -> None:
    given = msgspec.yaml.decode((HERE / f"{case}.input.yaml").read_bytes(), type=Given)
    found = render(decide(to_facts(given), given.now))
    file = HERE / f"{case}.output.yaml"
    if UPDATE:
        file.write_text(yaml.safe_dump(found, sort_keys=False, width=100))
    assert found == yaml.safe_load(file.read_text())


def test_every_output_has_an_input() -> None:
    outputs = {path.name.removesuffix(".output.yaml") for path in HERE.glob("*.output.yaml")}
    assert outputs == set(CASES)


def to_facts(given: Given) -> PodFacts:
    meta = msgspec.structs.replace(given.pod.metadata, **META)
    pod = parse_pod(msgspec.structs.replace(given.pod, metadata=meta))
    containers = {name: to_container(pod, name, c) for name, c in given.containers.items()}
    return PodFacts(
        pod=pod,
        containers=containers,
        pod_ip="127.64.0.2",
        has_volumes=given.has_volumes,
        refusal=given.refusal,
    )


def to_container(pod: Pod, name: str, given: GivenContainer) -> ContainerFacts:
    runs = tuple(to_run(run, name, pod.hashes[name]) for run in given.runs)
    return ContainerFacts(runs=runs, block=given.block, probes=given.probes)


def to_run(given: GivenRun, name: str, digest: str) -> Run:
    ended = given.exit
    reason = "" if ended is None else ended.reason or ("Completed" if not ended.code else "Error")
    return Run(
        id=RunId(f"{name}-{given.attempt}"),
        attempt=given.attempt,
        spec_hash="another" if given.spec_changed else digest,
        backoff=given.backoff,
        started_at=given.started,
        stop_by=given.stop_by,
        exit=None
        if ended is None
        else Exit(
            code=ended.code,
            signal=ended.signal,
            finished_at=ended.at,
            reason=reason,
            message=ended.message,
        ),
    )


def render(decision: Decision) -> Manifest:
    """The decision as plain values, empty parts left out."""
    found: Manifest = {
        "commands": [{type(command).__name__: to_plain(command)} for command in decision.commands],
        "events": [to_plain(event) for event in decision.events],
        "wakeAt": to_rfc3339(decision.wake_at) if decision.wake_at else None,
        "status": decision.status,
    }
    return {name: value for name, value in found.items() if value}


def to_plain(value: Any) -> Any:
    assert is_dataclass(value), value
    return {field.name: getattr(value, field.name) for field in fields(value)}
