"""Every check of one Workspace, in the order in which it would meet them. Pure."""

from collections.abc import Iterator

from kaito.api.workspace import Workspace
from kaito.app.doctor.cluster_facts import Subject, WorkspaceFacts
from kaito.app.doctor.finding import Finding, Unseen, missing, ok
from kaito.app.doctor.judging import judge
from kaito.app.doctor.machine_facts import MachineFacts
from kaito.app.doctor.observe_workspace import config_name
from kaito.app.doctor.rehearsal import rehearse
from kaito.app.doctor.stage import Stage, rules_for
from kaito.app.doctor.workspace_checks import (
    Ground,
    check_capacity,
    check_config,
    check_instance,
    check_manifest,
    check_namespace,
    check_plan,
    check_quota,
    check_rights,
    check_secret,
)
from kaito.base.quantity import format_gib
from kaito.catalog.lookup import find_preset


def check_subject(facts: WorkspaceFacts, stage: Stage) -> Iterator[Finding]:
    """What is missing for it."""
    subject = facts.subject
    live = facts.live if isinstance(facts.live, dict) else None
    verdict = judge(subject.manifest, live, rules_for(stage, facts))
    yield from check_manifest(verdict, subject, is_change=live is not None)
    yield from _check_surroundings(subject, facts)
    if verdict.workspace is None or verdict.faults:
        return
    yield from _check_run(verdict.workspace, facts, stage)


def _check_surroundings(subject: Subject, facts: WorkspaceFacts) -> Iterator[Finding]:
    if not facts.is_offline:
        yield check_rights(facts)
        yield check_namespace(facts)
    config = check_config(facts, config_name(subject))
    if config is not None:
        yield config
    for named in facts.secrets:
        yield check_secret(facts, named)


def _check_run(workspace: Workspace, facts: WorkspaceFacts, stage: Stage) -> Iterator[Finding]:
    cluster = stage.cluster if stage.machine is None else None
    if cluster is not None:
        instance = check_instance(workspace, stage.cloud)
        if instance is not None:
            yield instance
    found = rehearse(workspace, facts, cluster, settings=stage.settings, now=stage.now)
    yield check_plan(found, workspace, facts)
    if stage.machine is not None:
        yield from _check_weights(workspace, stage.machine)
        return
    capacity = check_capacity(found, workspace, _ground(stage))
    if capacity is not None:
        yield capacity
    if not facts.is_offline:
        yield from check_quota(facts, found)


def _ground(stage: Stage) -> Ground:
    nodes = stage.cluster.nodes if stage.cluster else Unseen("the cluster was not reached")
    return Ground(
        nodes_unseen=nodes.why if isinstance(nodes, Unseen) else "",
        has_operator=stage.has_operator,
        can_make=stage.can_make,
    )


def _check_weights(workspace: Workspace, machine: MachineFacts) -> Iterator[Finding]:
    """Whether they are here, or fit on the disk once they are downloaded."""
    preset = find_preset(workspace.preset_name) if workspace.preset_name else None
    if preset is None:
        return
    if preset.name in dict(machine.weights):
        yield ok("weights", f"{preset.name} is at hand")
        return
    size = preset.facts.weights_bytes if preset.facts else 0
    what = f"{preset.name} will be downloaded, {format_gib(size) if size else 'of unknown size'}"
    if size > machine.free_bytes:
        then = "choose another folder with --state-dir or $KAITO_STATE_DIR"
        yield missing("weights", f"{what}; {format_gib(machine.free_bytes)} are free", then)
    else:
        yield ok("weights", what)
