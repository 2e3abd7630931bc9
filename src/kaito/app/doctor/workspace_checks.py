"""Whether one Workspace would run where it is going to be applied. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kaito.api.workspace import Workspace
from kaito.app.doctor.cluster_facts import Named, Subject, WorkspaceFacts
from kaito.app.doctor.finding import Finding, Unseen, missing, ok, unknown, warning
from kaito.app.doctor.judging import Verdict
from kaito.app.doctor.rehearsal import Rehearsal
from kaito.base.quantity import format_gib, parse_quantity
from kaito.catalog.instances import find_instance_type
from kaito.planner.plan import INSUFFICIENT_MEMORY, UNSUPPORTED_ACCELERATOR
from kaito.render.placement import node_labels

_PLAN = "plan"
_QUOTAS: tuple[tuple[str, Callable[[int], str]], ...] = (
    ("requests.nvidia.com/gpu", str),
    ("requests.memory", format_gib),
)
"""What pods are counted by there, and how an amount of it is written."""


def check_manifest(verdict: Verdict, subject: Subject, *, is_change: bool) -> Iterator[Finding]:
    """What is wrong in the manifest itself, every fault on a line of its own."""
    then = f"edit {subject.where}"
    for fault in verdict.faults:
        yield missing("manifest", fault, then)
    for line in verdict.warnings:
        yield warning("manifest", f"{line} will be dropped", then)
    if not verdict.faults:
        yield ok("manifest", "valid; changes the one that is there" if is_change else "valid")


def check_rights(facts: WorkspaceFacts) -> Finding:
    """Whether we may apply it."""
    space = facts.subject.namespace
    ask = f"kubectl auth can-i create workspaces.kaito.sh -n {space}"
    if isinstance(facts.may_create, Unseen):
        return unknown("rights", facts.may_create.why, ask)
    if not facts.may_create:
        return missing("rights", f"not permitted to create workspaces in {space}", ask)
    return ok("rights", f"may create workspaces in {space}")


def check_namespace(facts: WorkspaceFacts) -> Finding:
    """Whether it is there and stays."""
    space = facts.subject.namespace
    if isinstance(facts.namespace, Unseen):
        return unknown("namespace", facts.namespace.why)
    if facts.namespace is None:
        if ("Namespace", space) in facts.beside:
            return ok("namespace", f"{space} is in the same files")
        return missing("namespace", f"there is no {space}", f"kubectl create namespace {space}")
    if facts.namespace.metadata.is_deleting or facts.namespace.status.phase == "Terminating":
        then = f"kubectl get namespace {space} -o yaml"
        return missing("namespace", f"{space} is being deleted", then)
    return ok("namespace", space)


def check_config(facts: WorkspaceFacts, name: str) -> Finding | None:
    """The ConfigMap; what is in it is judged with the manifest."""
    if not name:
        return None
    space = facts.subject.namespace
    if facts.config is None and facts.is_offline:
        return unknown("config", f"ConfigMap {name} is not in these files")
    if isinstance(facts.config, Unseen):
        return unknown("config", f"ConfigMap {space}/{name}: {facts.config.why}")
    if facts.config is None:
        then = f"kubectl create configmap {name} -n {space} --from-file=inference_config.yaml"
        return missing("config", f"there is no ConfigMap {space}/{name}", then)
    return ok("config", f"ConfigMap {space}/{name}")


def check_secret(facts: WorkspaceFacts, named: Named) -> Finding:
    """Whether a Secret is there and has its key; its value is nobody's business."""
    check, space = "secret", facts.subject.namespace
    name = f"Secret {space}/{named.name}, which {named.purpose}"
    if ("Secret", named.name) in facts.beside:
        return ok(check, f"{name}, is in the same files")
    if isinstance(named.keys, Unseen):
        return unknown(check, f"{name}: {named.keys.why}")
    literal = f" --from-literal={named.key}=..." if named.key else ""
    if named.keys is None:
        then = f"kubectl create secret generic {named.name} -n {space}{literal}"
        return missing(check, f"there is no {name}", then)
    if named.key and named.key not in named.keys:
        then = f"kubectl edit secret {named.name} -n {space}"
        return missing(check, f"{name}, has no key {named.key}", then)
    return ok(check, f"{name}, is there")


def check_instance(workspace: Workspace, cloud: str) -> Finding | None:
    """Whether the cloud in use has that machine; of unknown types the rules speak already."""
    name = workspace.resource.instance_type if workspace.resource else ""
    known = find_instance_type(name) if name else None
    if known is None:
        return None
    if not cloud:
        return unknown("instance", f"{known.name} is {known.cloud}'s; no node says whose it is")
    if known.cloud != cloud:
        what = f"{known.name} is {known.cloud}'s, and nodes here come from {cloud}"
        then = f"kaito plan {workspace.preset_name or 'MODEL'} --cloud {cloud}"
        return missing("instance", what, then)
    return ok("instance", f"{known.name} is {cloud}'s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """How sure a rehearsal is of the ground it stands on."""

    nodes_unseen: str = ""
    """Why the nodes are not known; empty when they are."""
    has_operator: bool = True
    """Whether an operator's own settings were used, and not those it would have by default."""
    can_make: bool = True
    """Whether the cluster serves what nodes are asked for with."""


def check_plan(found: Rehearsal, workspace: Workspace, facts: WorkspaceFacts) -> Finding:
    """Whether the model fits the machine."""
    if found.plan is not None:
        return ok(_PLAN, found.summary or f"{found.plan.nodes} nodes")
    is_template = workspace.inference is not None and workspace.inference.template is not None
    if is_template:
        return ok(_PLAN, "nothing to plan: a pod template of its own")
    reason = found.obstacle.reason if found.obstacle else ""
    message = found.obstacle.message if found.obstacle else "there is no plan"
    if reason == "ConfigNotFound":
        is_there = isinstance(facts.config, Unseen) or facts.is_offline
        return unknown(_PLAN, "not made without the ConfigMap" if is_there else message)
    is_about_machines = reason in (INSUFFICIENT_MEMORY, UNSUPPORTED_ACCELERATOR)
    then = f"kaito plan {workspace.preset_name} --all" if is_about_machines else ""
    return missing(_PLAN, message, then)


def check_capacity(found: Rehearsal, workspace: Workspace, ground: Ground) -> Finding | None:
    """Whether there are nodes, or can be; None where no plan says how many."""
    is_template = workspace.inference is not None and workspace.inference.template is not None
    if found.plan is None and not is_template:
        return None
    if ground.nodes_unseen:
        return unknown("capacity", ground.nodes_unseen)
    if found.made:
        return _check_made(found, workspace, ground)
    if found.obstacle is not None:
        wanted = " ".join(f"{key}={value}" for key, value in node_labels(workspace))
        then = f"kubectl get nodes -l {wanted.replace(' ', ',')}" if wanted else "kubectl get nodes"
        return missing("capacity", found.obstacle.message, then)
    return ok("capacity", f"fits on {', '.join(found.nodes) or 'nodes that are there'}")


def _check_made(found: Rehearsal, workspace: Workspace, ground: Ground) -> Finding:
    name = workspace.resource.instance_type if workspace.resource else ""
    there = f"; {', '.join(found.nodes)} would be used, too" if found.nodes else ""
    what = f"{found.made} new {name or 'node'} would be asked for{there}"
    if not ground.can_make:
        then = "install your cloud's provisioner, or label nodes that are there"
        return missing("capacity", f"{what}, and nobody here makes nodes", then)
    if not ground.has_operator:
        return ok("capacity", f"{what}, by an operator with default settings")
    return ok("capacity", what)


def check_quota(facts: WorkspaceFacts, found: Rehearsal) -> Iterator[Finding]:
    """Whether the namespace's quotas leave room for the pods."""
    if isinstance(facts.quotas, Unseen):
        yield unknown("quota", facts.quotas.why)
        return
    if found.plan is None or isinstance(facts.live, dict):
        # One that runs already is counted in what is used.
        return
    asked = (found.plan.nodes * found.plan.gpus_per_node, found.plan.nodes * found.plan.memory)
    short = False
    for quota in facts.quotas:
        for (resource, written), amount in zip(_QUOTAS, asked, strict=True):
            if resource not in quota.status.hard:
                continue
            hard = int(parse_quantity(quota.status.hard[resource]))
            left = hard - int(parse_quantity(quota.status.used.get(resource, "0")))
            if amount > left:
                short = True
                what = f"{quota.metadata.name} leaves {written(max(left, 0))} of {written(hard)} "
                what += f"{resource}, {written(amount)} needed"
                then = f"kubectl describe resourcequota -n {facts.subject.namespace}"
                yield missing("quota", what, then)
    if not short:
        yield ok("quota", "leaves room" if facts.quotas else "none in this namespace")
