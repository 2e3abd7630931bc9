"""Whether kaito is installed: its kinds, its operator, its webhook. Pure."""

from collections.abc import Iterator

from kaito.api.crd.definition import Definition
from kaito.api.kinds import KINDS
from kaito.api.labels import GROUP
from kaito.api.workspace import WORKSPACES
from kaito.app.doctor.cluster_facts import ClusterFacts
from kaito.app.doctor.crd_fields import missing_fields, missing_rules, missing_versions
from kaito.app.doctor.finding import Finding, State, Unseen, missing, ok, unknown, warning
from kaito.app.doctor.objects import Crd
from kaito.app.doctor.operators import Installed, find_operators, freshest, sharing
from kaito.app.webhook.registration import registration_name

INSTALL = "helm install kaito charts/kaito --namespace kaito-workspace --create-namespace"
UPGRADE = "helm upgrade kaito charts/kaito --namespace kaito-workspace"
INSTALL_KINDS = "kubectl apply --server-side --force-conflicts -f charts/kaito/crds/"
CHANGE_HANDS = "docs/how-to/coming-from-kaito.md; do not uninstall it, Workspaces would go with it"
_STALE_SECONDS = 60.0
"""A holder renews every few seconds; after this long it is gone, whatever its Lease promises."""
_NAMED = 4


def check_kinds(facts: ClusterFacts) -> Iterator[Finding]:
    """Each kaito.sh kind; those that are fine, or that may not be read, share one line."""
    fine, unread = [], []
    for kind in KINDS:
        definition = kind.definition
        installed = facts.definitions.get(definition.name)
        if isinstance(installed, Unseen):
            unread.append(definition.plural)
            continue
        found = _check_kind(definition, installed)
        if found is None:
            fine.append(definition.plural)
        else:
            yield found
    if fine:
        yield ok("kinds", f"{', '.join(fine)}: as this release has them")
    if unread:
        yield _unread_kinds(facts, unread)


def _check_kind(definition: Definition, installed: Crd | None) -> Finding | None:
    check, name = f"kind {definition.plural}", definition.name
    # The operator stores the other kinds and starts nothing for them yet.
    state: State = "missing" if definition.plural == WORKSPACES.plural else "warning"
    if installed is None:
        return Finding(check=check, state=state, what=f"no CRD {name}", next=INSTALL_KINDS)
    if not _is_established(installed):
        what = f"CRD {name} is not served"
        return Finding(check=check, state=state, what=what, next=f"kubectl describe crd {name}")
    if versions := missing_versions(definition, installed):
        what = f"CRD {name} does not serve {', '.join(versions)}"
        return Finding(check=check, state=state, what=what, next=INSTALL_KINDS)
    if fields := missing_fields(definition, installed):
        what = f"CRD {name} is of another release; it lacks {_some(fields)}"
        return Finding(check=check, state=state, what=what, next=INSTALL_KINDS)
    if count := missing_rules(definition, installed):
        what = f"CRD {name} lacks {count} rules of this release: mistakes are found later"
        return warning(check, what, INSTALL_KINDS)
    return None


def _unread_kinds(facts: ClusterFacts, plurals: list[str]) -> Finding:
    """Who may not read CRDs may still ask which groups are served."""
    found = facts.definitions[f"{plurals[0]}.{GROUP}"]
    why = found.why if isinstance(found, Unseen) else ""
    if isinstance(facts.groups, Unseen):
        return unknown("kinds", why)
    if GROUP not in facts.groups:
        return missing("kinds", f"the cluster does not serve {GROUP}", INSTALL_KINDS)
    return unknown("kinds", f"{GROUP} is served; schemas of {', '.join(plurals)}: {why}")


def _is_established(crd: Crd) -> bool:
    return any(c.type == "Established" and c.is_true for c in crd.status.conditions)


def check_operator(facts: ClusterFacts) -> Iterator[Finding]:
    """The Deployment, and the Lease that says whether somebody works."""
    operators = () if isinstance(facts.deployments, Unseen) else find_operators(facts.deployments)
    if isinstance(facts.deployments, Unseen):
        yield unknown("operator", facts.deployments.why)
    for installed in operators:
        yield _check_deployment(installed)
    if crowd := sharing(operators):
        names = ", ".join(each.name for each in crowd)
        then = "uninstall one, or give each its own namespace with --namespace"
        yield warning("operators", f"several look after the same kinds: {names}", then)
    if not any(each.is_original for each in operators):
        yield _check_lease(facts, has_deployment=bool(operators))


def check_watched(facts: ClusterFacts, space: str) -> Iterator[Finding]:
    """Whether a namespace is anybody's business, where each operator has one of its own."""
    operators = () if isinstance(facts.deployments, Unseen) else find_operators(facts.deployments)
    if not operators or any(each.looks_after(space) for each in operators):
        return
    limits = ", ".join(f"{each.name} is limited to {each.namespace}" for each in operators)
    what = f"none looks after namespace {space}; {limits}"
    then = f"install another release with --set watchNamespace={space}"
    yield missing("operator", what, then)


def _check_deployment(installed: Installed) -> Finding:
    status, wanted = installed.deployment.status, installed.deployment.spec.replicas
    what = f"Deployment {installed.name} ({installed.image})"
    look = f"kubectl describe deployment -n {installed.deployment.metadata.namespace} "
    look += installed.deployment.metadata.name
    if installed.problem:
        return missing("operator", f"{what}: {installed.problem}", look)
    if not installed.is_ready:
        why = next((f": {c.message}" for c in status.conditions if _is_bad(c.type, c.status)), "")
        return missing("operator", f"{what} has 0 of {wanted} replicas ready{why}", look)
    if installed.is_original:
        return warning("operator", f"{what} is the original KAITO", CHANGE_HANDS)
    if status.ready_replicas < wanted:
        short = f"{what} has {status.ready_replicas} of {wanted} replicas ready"
        return warning("operator", short, look)
    return ok("operator", f"{what}, {status.ready_replicas} ready")


def _is_bad(type_: str, status: str) -> bool:
    return (type_, status) in (("Available", "False"), ("ReplicaFailure", "True"))


def _check_lease(facts: ClusterFacts, *, has_deployment: bool) -> Finding:
    if isinstance(facts.leases, Unseen):
        return unknown("leader", facts.leases.why)
    now = facts.server_time or facts.now
    found = freshest(facts.leases, now)
    if found is None:
        if has_deployment:
            what = "nobody holds its Lease: none of its replicas works, or election is off"
            return warning("leader", what, "kubectl get leases -A")
        return missing("operator", "none runs: there is no Deployment and no Lease", INSTALL)
    lease, age = found
    what = f"{lease.spec.holder_identity} holds Lease {lease.key}"
    if age > _STALE_SECONDS:
        gone = f"{what} and has not renewed it for {age:.0f}s"
        return missing("leader", gone, f"kubectl get pods -n {lease.metadata.namespace}")
    return ok("leader", f"{what}, renewed {max(age, 0):.0f}s ago")


def check_webhook(facts: ClusterFacts, *, is_answered: bool) -> Finding:
    """Whether mistakes are found when a Workspace is applied, and whether it can be applied.

    `is_answered` says that an operator runs, which answers the webhook.
    """
    if isinstance(facts.hooks, Unseen):
        return unknown("webhook", facts.hooks.why)
    name = registration_name(WORKSPACES.plural)
    found = next((h for h in facts.hooks if h.metadata.name == name), None)
    if found is None:
        what = f"no {name}: mistakes that no schema finds show only in the status"
        return warning("webhook", what, UPGRADE)
    hooks = found.webhooks
    must = any(hook.failure_policy == "Fail" for hook in hooks)
    if any(not hook.client_config.ca_bundle for hook in hooks):
        why = f"{name} has no caBundle: no API server believes it"
        look = f"kubectl get validatingwebhookconfiguration {name} -o yaml"
        return (
            missing("webhook", f"{why}, and it must answer", look)
            if must
            else warning("webhook", f"{why}, so nothing is checked", look)
        )
    if must and not is_answered:
        what = f"{name} must answer (failurePolicy: Fail) and no operator runs"
        return missing("webhook", what, f"kubectl delete validatingwebhookconfiguration {name}")
    return ok("webhook", f"{name} is registered and believed")


def _some(names: tuple[str, ...]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
