"""Indexed Jobs: each pod has a number of its own, and each number has to succeed once.

    name       <job>-<index>-<5 letters>        hostname  <job>-<index>
    env        JOB_COMPLETION_INDEX             in every container that does not set it itself
    annotation and label  batch.kubernetes.io/job-completion-index

https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode. As with plain Jobs,
a number gets its next pod only once the one before it is gone.
"""

from collections.abc import Iterable, Iterator
from itertools import count, islice

from kaito.api import labels
from kaito.api.core import Job, Pod
from kaito.api.meta import Manifest
from kaito.local.builtin import templates

INDEXED = "Indexed"
_ENV = "JOB_COMPLETION_INDEX"
_LEAST_RUN = 3
"""So many numbers in a row are written as a range."""
_LONGEST_PREFIX = 57


def index_of(pod: Pod) -> int | None:
    """The pod's number; None where it has none that is one."""
    text = pod.metadata.annotations.get(labels.COMPLETION_INDEX, "")
    return int(text) if text.isascii() and text.isdigit() else None


def next_pods(
    job: Job, pods: Iterable[Pod], free: Iterable[int], most: int
) -> Iterator[tuple[str, Manifest]]:
    """Name and manifest of a pod for each of the first `most` numbers that are free."""
    taken = frozenset(pod.metadata.name for pod in pods)
    for index in islice(free, most):
        name = _free_name(job, index, taken)
        yield name, _render(job, index, name)


def to_text(indexes: Iterable[int]) -> str:
    """`1,3-5,7`: sorted, three or more in a row as a range."""
    parts: list[str] = []
    for run in _runs(sorted(set(indexes))):
        is_long = len(run) >= _LEAST_RUN
        parts += [f"{run[0]}-{run[-1]}"] if is_long else map(str, run)
    return ",".join(parts)


def parse_text(text: str) -> frozenset[int]:
    """What `to_text` wrote; whatever else stands there counts for nothing."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _runs(indexes: list[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for index in indexes:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def _free_name(job: Job, index: int, taken: frozenset[str]) -> str:
    """The same for the same pods: an outdated reading makes no second pod of a number."""
    prefix = f"{job.metadata.name[:_LONGEST_PREFIX]}-{index}"
    seeds = (f"{job.metadata.uid}/{index}/{number}" for number in count())
    names = (f"{prefix}-{templates.safe_suffix(seed, 5)}" for seed in seeds)
    return next(name for name in names if name not in taken)


def _render(job: Job, index: int, name: str) -> Manifest:
    number = {labels.COMPLETION_INDEX: str(index)}
    pod = templates.render_pod(job, job.spec.template, name, labels=number)
    meta, spec = pod["metadata"], pod["spec"]
    meta["annotations"] = {**meta.get("annotations", {}), **number}
    spec["hostname"] = f"{job.metadata.name}-{index}"
    for field in ("initContainers", "containers"):
        if spec.get(field):
            spec[field] = [_told(container) for container in spec[field]]
    return pod


def _told(container: Manifest) -> Manifest:
    """The container, knowing its pod's number."""
    given = container.get("env") or []
    if any(variable.get("name") == _ENV for variable in given):
        return container
    path = f"metadata.annotations['{labels.COMPLETION_INDEX}']"
    variable = {"name": _ENV, "valueFrom": {"fieldRef": {"fieldPath": path}}}
    return {**container, "env": [*given, variable]}
