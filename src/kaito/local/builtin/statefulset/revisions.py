"""The versions of a StatefulSet's template, kept as ControllerRevisions.

A revision is named after the hash of the template, so an unchanged template never makes a second
one, and going back to an old template finds the old revision and only numbers it anew. `data` has
the form that `kubectl rollout undo` sends back as a patch.
"""

from dataclasses import dataclass

import msgspec

from kaito.api.core import PodTemplate, StatefulSet
from kaito.api.meta import Manifest, owner_reference
from kaito.kube.controller.decision import Action, Create, Delete, Patch
from kaito.local.builtin.kinds import CONTROLLER_REVISIONS, ControllerRevision
from kaito.local.builtin.statefulset.observed import Observed
from kaito.local.builtin.templates import template_hash

HASH_LABEL = "controller.kubernetes.io/hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """The version that pods have, and the one they should have; equal when nothing rolls out."""

    current: str
    update: str
    current_template: PodTemplate
    update_template: PodTemplate


def derive_versions(observed: Observed) -> Versions:
    """Which template belongs to which pod. A current revision that is lost is taken as updated."""
    found = observed.statefulset
    update = _revision_name(found)
    current = found.status.current_revision or update
    kept = next((r for r in observed.revisions if r.metadata.name == current), None)
    return Versions(
        current=current if kept else update,
        update=update,
        current_template=_template_of(kept) if kept else found.spec.template,
        update_template=found.spec.template,
    )


def plan_revisions(observed: Observed, versions: Versions) -> tuple[Action, ...]:
    """Record the wanted template as the newest revision and forget the oldest unused ones."""
    newest = max((r.revision for r in observed.revisions), default=0)
    known = next((r for r in observed.revisions if r.metadata.name == versions.update), None)
    if known is None:
        manifest = _render_revision(observed.statefulset, versions.update, newest + 1)
        return (Create(resource=CONTROLLER_REVISIONS, manifest=manifest),)
    if known.revision < newest:
        renumber = Patch(
            resource=CONTROLLER_REVISIONS, key=known.key, patch={"revision": newest + 1}
        )
        return (renumber,)
    return _plan_history(observed, versions)


def _plan_history(observed: Observed, versions: Versions) -> tuple[Action, ...]:
    in_use = {versions.current, versions.update} | {
        pod.metadata.labels.get("controller-revision-hash", "") for pod in observed.pods.values()
    }
    unused = sorted(
        (r for r in observed.revisions if r.metadata.name not in in_use), key=lambda r: r.revision
    )
    surplus = len(unused) - observed.statefulset.spec.revision_history_limit
    return tuple(
        Delete(resource=CONTROLLER_REVISIONS, key=r.key, uid=r.metadata.uid)
        for r in unused[: max(surplus, 0)]
    )


def _revision_name(found: StatefulSet) -> str:
    return f"{found.metadata.name}-{template_hash(found.spec.template)}"


def _template_of(revision: ControllerRevision) -> PodTemplate:
    template = (revision.data.get("spec") or {}).get("template") or {}
    return PodTemplate(metadata=template.get("metadata") or {}, spec=template.get("spec") or {})


def _render_revision(found: StatefulSet, name: str, number: int) -> Manifest:
    template = {**msgspec.to_builtins(found.spec.template), "$patch": "replace"}
    labels = found.spec.selector.match_labels
    return {
        "apiVersion": CONTROLLER_REVISIONS.api_version,
        "kind": CONTROLLER_REVISIONS.kind,
        "metadata": {
            "name": name,
            "namespace": found.metadata.namespace,
            "labels": {**labels, HASH_LABEL: name.rpartition("-")[2]},
            "ownerReferences": [owner_reference(found)],
        },
        "data": {"spec": {"template": template}},
        "revision": number,
    }
