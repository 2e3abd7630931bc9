"""The doctor as a whole: looks first, then checks what was seen. The one place that knows both.

With a cluster of its own kind the machine that runs the command matters little; with the plane of
this machine, or with no cluster at all, it is what models would run on.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace

from kaito.api import labels
from kaito.api.meta import Manifest
from kaito.app.doctor.cluster_checks import check_clock, check_server, check_user
from kaito.app.doctor.cluster_facts import ClusterFacts, Subject, WorkspaceFacts
from kaito.app.doctor.finding import Finding, Section, Unseen, missing, ok
from kaito.app.doctor.installed_checks import (
    check_kinds,
    check_operator,
    check_watched,
    check_webhook,
)
from kaito.app.doctor.machine_checks import check_machine, check_tools
from kaito.app.doctor.machine_facts import MachineFacts
from kaito.app.doctor.node_checks import check_nodes, check_storage, check_supply
from kaito.app.doctor.observe_cluster import observe_cluster, reach
from kaito.app.doctor.observe_machine import observe_this_machine
from kaito.app.doctor.observe_workspace import facts_of_files, observe_workspace
from kaito.app.doctor.operators import Installed, find_operators
from kaito.app.doctor.stage import Stage, in_cluster, on_this_machine, out_of_reach
from kaito.app.doctor.subject_checks import check_subject
from kaito.app.state import StateFolder
from kaito.base.clock import Clock
from kaito.kube.client import Client
from kaito.kube.config import Cluster
from kaito.kube.exec_credential import LoginFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to look at."""

    state: StateFolder
    cluster: Cluster | None
    """None: this machine, or `problem`."""
    problem: Finding | None = None
    """Why the cluster that is meant cannot be asked."""
    subjects: tuple[Subject, ...] = ()
    beside: tuple[Manifest, ...] = ()
    """The other objects of the subjects' files."""


async def examine(question: Question, clock: Clock) -> tuple[Section, ...]:
    """Look at everything the question is about; a section for each thing."""
    machine = await observe_this_machine(question.state)
    now = clock.now()
    if question.problem is not None:
        return _unreached(question, machine, question.problem, out_of_reach(now))
    if question.cluster is None:
        stage = on_this_machine(question.state, machine, now)
        return (_of_machine(machine), *_subject_sections(_of_files(question), stage))
    async with Client(question.cluster) as client:
        # A login may ask the user something, so it is no part of what is bounded below.
        if why := await _log_in(question.cluster) or await reach(client):
            problem = missing("server", why, "kubectl cluster-info")
            return _unreached(question, machine, problem, out_of_reach(now))
        return await _cluster_sections(client, question, machine, clock)


async def _log_in(cluster: Cluster) -> str:
    """Why the kubeconfig's login did not work out; empty when it did."""
    try:
        await cluster.login()
    except LoginFailed as error:
        return str(error)
    return ""


def _of_machine(machine: MachineFacts) -> Section:
    return Section(title="This machine", findings=check_machine(machine))


def _of_files(question: Question) -> tuple[WorkspaceFacts, ...]:
    return tuple(facts_of_files(each, question.beside) for each in question.subjects)


def _unreached(
    question: Question, machine: MachineFacts, problem: Finding, stage: Stage
) -> tuple[Section, ...]:
    url = f" {question.cluster.url}" if question.cluster else ""
    return (
        _of_machine(machine),
        Section(title=f"Cluster{url}", findings=(problem,)),
        *_subject_sections(_of_files(question), stage),
    )


async def _cluster_sections(
    client: Client, question: Question, machine: MachineFacts, clock: Clock
) -> tuple[Section, ...]:
    cluster = await observe_cluster(client, clock, with_pods=bool(question.subjects))
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(observe_workspace(client, subject, question.beside))
            for subject in question.subjects
        ]
    facts = tuple(task.result() for task in tasks)
    if is_plane(cluster):
        return _on_plane(question, machine, cluster, facts)
    return _in_cluster(machine, cluster, facts)


def is_plane(cluster: ClusterFacts) -> bool:
    """Whether its nodes are played by one machine."""
    if isinstance(cluster.nodes, Unseen):
        return False
    return any(labels.MACHINE in node.metadata.labels for node in cluster.nodes)


def _on_plane(
    question: Question,
    machine: MachineFacts,
    cluster: ClusterFacts,
    facts: tuple[WorkspaceFacts, ...],
) -> tuple[Section, ...]:
    stage = replace(on_this_machine(question.state, machine, cluster.now), cluster=cluster)
    findings = (
        check_server(cluster),
        check_user(cluster),
        *check_kinds(cluster),
        ok("operator", "the plane runs the controllers itself"),
    )
    return (
        _of_machine(machine),
        Section(title=f"Plane {cluster.url}", findings=findings),
        *_subject_sections(facts, stage),
    )


def _in_cluster(
    machine: MachineFacts, cluster: ClusterFacts, facts: tuple[WorkspaceFacts, ...]
) -> tuple[Section, ...]:
    operator = _operator(cluster)
    return (
        Section(title="This machine", findings=tuple(check_tools(machine))),
        Section(title=f"Cluster {cluster.url}", findings=tuple(_check_cluster(cluster, operator))),
        *(
            Section(title=_title(each.subject), findings=tuple(_check_in_cluster(each, cluster)))
            for each in facts
        ),
    )


def _check_in_cluster(facts: WorkspaceFacts, cluster: ClusterFacts) -> Iterator[Finding]:
    """One Workspace, as the operator of its own namespace would have it."""
    space = facts.subject.namespace
    operator = _operator(cluster, space)
    yield from check_watched(cluster, space)
    yield from check_subject(facts, in_cluster(cluster, operator.options if operator else None))


def _check_cluster(cluster: ClusterFacts, operator: Installed | None) -> Iterator[Finding]:
    working = tuple(check_operator(cluster))
    yield check_server(cluster)
    yield check_clock(cluster)
    yield check_user(cluster)
    yield from check_kinds(cluster)
    yield from working
    yield check_webhook(cluster, is_answered=all(f.state != "missing" for f in working))
    yield from check_supply(cluster, operator.options if operator else None)
    yield from check_nodes(cluster)
    yield check_storage(cluster)


def _operator(cluster: ClusterFacts, space: str = "") -> Installed | None:
    """The one whose settings count, in a namespace where one is named: ours before the original."""
    if isinstance(cluster.deployments, Unseen):
        return None
    found = [
        each
        for each in find_operators(cluster.deployments)
        if each.options is not None and (not space or each.looks_after(space))
    ]
    return min(found, key=lambda each: each.is_original, default=None)


def _subject_sections(facts: tuple[WorkspaceFacts, ...], stage: Stage) -> tuple[Section, ...]:
    return tuple(
        Section(title=_title(each.subject), findings=tuple(check_subject(each, stage)))
        for each in facts
    )


def _title(subject: Subject) -> str:
    return f"Workspace {subject.namespace}/{subject.name or '?'} ({subject.where})"
