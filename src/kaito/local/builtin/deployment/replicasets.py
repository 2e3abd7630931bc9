"""Which ReplicaSet is the new one, and how a ReplicaSet is written.

A ReplicaSet is named after the hash of the Deployment's template, so the template decides which one
is new, and going back to an old template finds the old ReplicaSet. The annotations are those that
`kubectl rollout history` and `undo` read.
"""

from dataclasses import dataclass

from kaito.api.core import PodTemplate
from kaito.api.meta import Manifest, owner_reference
from kaito.kube.controller.decision import Create, Note, Patch
from kaito.local.builtin.kinds import REPLICASETS, Deployment, ReplicaSet
from kaito.local.builtin.templates import template_hash

HASH_LABEL = "pod-template-hash"
_PREFIX = "deployment.kubernetes.io/"
REVISION = f"{_PREFIX}revision"
_DESIRED = f"{_PREFIX}desired-replicas"
_MAXIMUM = f"{_PREFIX}max-replicas"
_NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        f"{_PREFIX}revision-history",
        _DESIRED,
        _MAXIMUM,
        "deprecated.deployment.rollback.to",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many pods a rollout may have at most and must have available at least."""

    most: int
    least: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Generations:
    """The ReplicaSet of the wanted template, if it is there, and all others, oldest first."""

    new: ReplicaSet | None
    old: tuple[ReplicaSet, ...]

    @property
    def all(self) -> tuple[ReplicaSet, ...]:
        """Every one of them."""
        return (*self.old, self.new) if self.new else self.old

    @property
    def newest_revision(self) -> int:
        """The highest revision given out so far."""
        return max((revision_of(r) for r in self.all), default=0)

    @property
    def new_revision(self) -> int:
        """The revision that the wanted template has, or will get: above all old ones."""
        highest_old = max((revision_of(r) for r in self.old), default=0)
        current = revision_of(self.new) if self.new else 0
        return current if current > highest_old else highest_old + 1


def revision_of(item: ReplicaSet | Deployment) -> int:
    """The rollout revision; 0 when it says none."""
    text = item.metadata.annotations.get(REVISION, "")
    return int(text) if text.isdigit() else 0


def sort_generations(found: Deployment, replicasets: tuple[ReplicaSet, ...]) -> Generations:
    """Tell the new ReplicaSet from the old ones."""
    name = _name(found)
    old = (r for r in replicasets if r.metadata.name != name)
    return Generations(
        new=next((r for r in replicasets if r.metadata.name == name), None),
        old=tuple(sorted(old, key=lambda r: (revision_of(r), r.metadata.name))),
    )


def plan_new(found: Deployment, *, revision: int, replicas: int, limits: Limits) -> Create:
    """Create the ReplicaSet of the wanted template."""
    digest = template_hash(found.spec.template)
    labels = {**(found.spec.template.metadata.get("labels") or {}), HASH_LABEL: digest}
    selector: Manifest = {"matchLabels": {**found.spec.selector.match_labels, HASH_LABEL: digest}}
    if found.spec.selector.match_expressions:
        selector["matchExpressions"] = [
            {"key": e.key, "operator": e.operator, "values": list(e.values)}
            for e in found.spec.selector.match_expressions
        ]
    manifest: Manifest = {
        "apiVersion": REPLICASETS.api_version,
        "kind": REPLICASETS.kind,
        "metadata": {
            "name": _name(found),
            "namespace": found.metadata.namespace,
            "labels": labels,
            "annotations": annotations(found, revision=revision, limits=limits),
            "ownerReferences": [owner_reference(found)],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": found.spec.min_ready_seconds,
            "selector": selector,
            "template": _with_hash(found.spec.template, labels),
        },
    }
    return Create(
        resource=REPLICASETS,
        manifest=manifest,
        note=_scaled(found, manifest["metadata"]["name"], "up", replicas=(0, replicas)),
    )


def plan_scale(
    found: Deployment, replicaset: ReplicaSet, replicas: int, *, limits: Limits
) -> Patch | None:
    """Give a ReplicaSet another size; None when it has it already.

    The patch holds only for the revision that was read: the sizes of a rollout depend on each
    other, so a newer one means looking again.
    """
    before = replicaset.spec.replicas
    if before == replicas:
        return None
    sizes = {_DESIRED: str(found.spec.replicas), _MAXIMUM: str(limits.most)}
    direction = "up" if replicas > before else "down"
    return Patch(
        resource=REPLICASETS,
        key=replicaset.key,
        patch={
            "metadata": {
                "resourceVersion": replicaset.metadata.resource_version,
                "annotations": sizes,
            },
            "spec": {"replicas": replicas},
        },
        note=_scaled(found, replicaset.metadata.name, direction, replicas=(before, replicas)),
    )


def annotations(found: Deployment, *, revision: int, limits: Limits) -> dict[str, str]:
    """What the new ReplicaSet should say: the Deployment's own annotations and the rollout's."""
    own = {k: v for k, v in found.metadata.annotations.items() if k not in _NOT_COPIED}
    return {
        **own,
        REVISION: str(revision),
        _DESIRED: str(found.spec.replicas),
        _MAXIMUM: str(limits.most),
    }


def _name(found: Deployment) -> str:
    return f"{found.metadata.name}-{template_hash(found.spec.template)}"


def _with_hash(template: PodTemplate, labels: dict[str, str]) -> Manifest:
    return {"metadata": {**template.metadata, "labels": labels}, "spec": template.spec}


def _scaled(found: Deployment, name: str, direction: str, *, replicas: tuple[int, int]) -> Note:
    before, after = replicas
    return Note(
        about=found,
        reason="ScalingReplicaSet",
        message=f"Scaled {direction} replica set {name} from {before} to {after}",
    )
