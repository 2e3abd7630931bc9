"""The rows of Deployments, ReplicaSets, StatefulSets and Jobs."""

from datetime import datetime

from kaito.api.meta import Manifest
from kaito.base.clock import format_age, parse_rfc3339
from kaito.local.apiserver.objects import metadata
from kaito.local.apiserver.table.cells import (
    at,
    computed,
    containers,
    number,
    selector_text,
    timed,
)
from kaito.local.apiserver.table.render import AGE, NAME, Cell

_TEMPLATE = ("spec", "template", "spec")


def _ready(manifest: Manifest) -> Cell:
    wanted = at(manifest, "spec", "replicas")
    return f"{at(manifest, 'status', 'readyReplicas') or 0}/{1 if wanted is None else wanted}"


def _selector(manifest: Manifest) -> Cell:
    return selector_text(at(manifest, "spec", "selector"))


_WIDE = (*containers(*_TEMPLATE), computed("Selector", _selector, wide=True))

DEPLOYMENT_COLUMNS = (
    NAME,
    computed("Ready", _ready),
    number("Up-to-date", "status", "updatedReplicas"),
    number("Available", "status", "availableReplicas"),
    AGE,
    *_WIDE,
)
REPLICA_SET_COLUMNS = (
    NAME,
    number("Desired", "spec", "replicas"),
    number("Current", "status", "replicas"),
    number("Ready", "status", "readyReplicas"),
    AGE,
    *_WIDE,
)
STATEFUL_SET_COLUMNS = (NAME, computed("Ready", _ready), AGE, *containers(*_TEMPLATE))


def _job_status(job: Manifest) -> Cell:
    conditions = at(job, "status", "conditions") or ()
    true = {c.get("type") for c in conditions if c.get("status") == "True"}
    for word in ("Complete", "Failed"):
        if word in true:
            return word
    if metadata(job).get("deletionTimestamp"):
        return "Terminating"
    return next((word for word in ("Suspended", "FailureTarget") if word in true), "Running")


def _completions(job: Manifest) -> Cell:
    done = at(job, "status", "succeeded") or 0
    wanted = at(job, "spec", "completions")
    parallel = at(job, "spec", "parallelism") or 0
    if wanted is not None:
        return f"{done}/{wanted}"
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def _duration(job: Manifest, now: datetime) -> Cell:
    started = at(job, "status", "startTime")
    if not started:
        return ""
    ended = at(job, "status", "completionTime")
    until = parse_rfc3339(ended) if ended else now
    return format_age((until - parse_rfc3339(started)).total_seconds())


JOB_COLUMNS = (
    NAME,
    computed("Status", _job_status),
    computed("Completions", _completions),
    timed("Duration", _duration),
    AGE,
    *_WIDE,
)
