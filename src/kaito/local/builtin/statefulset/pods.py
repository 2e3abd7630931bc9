"""The pod and the claims that one ordinal of a StatefulSet stands for."""

from kaito.api import labels
from kaito.api.core import PodTemplate, StatefulSet
from kaito.api.meta import Manifest
from kaito.kube.controller.decision import Action, Create, Note
from kaito.local.builtin import pods, templates
from kaito.local.builtin.kinds import CLAIMS
from kaito.local.builtin.statefulset.observed import Observed

REVISION_LABEL = "controller-revision-hash"


def plan_pod(
    observed: Observed, ordinal: int, *, template: PodTemplate, revision: str
) -> tuple[Action, ...]:
    """Create one pod, after the claims that its volumes name."""
    found = observed.statefulset
    name = f"{found.metadata.name}-{ordinal}"
    return (
        *_plan_claims(observed, ordinal),
        pods.create_pod(found, _render(found, ordinal, template, revision), name),
    )


def _render(found: StatefulSet, ordinal: int, template: PodTemplate, revision: str) -> Manifest:
    name = f"{found.metadata.name}-{ordinal}"
    identity = {
        labels.POD_NAME: name,
        labels.POD_INDEX: str(ordinal),
        REVISION_LABEL: revision,
    }
    pod = templates.render_pod(found, template, name, labels=identity)
    spec = pod["spec"]
    spec["hostname"] = name
    if found.spec.service_name:
        spec["subdomain"] = found.spec.service_name
    if found.spec.volume_claim_templates:
        spec["volumes"] = _render_volumes(found, ordinal, spec.get("volumes") or [])
    return pod


def _render_volumes(found: StatefulSet, ordinal: int, given: list[Manifest]) -> list[Manifest]:
    """A claim's volume takes the place of a volume of the same name in the template."""
    claimed = [
        {"name": name, "persistentVolumeClaim": {"claimName": _claim_name(found, name, ordinal)}}
        for name in (t["metadata"]["name"] for t in found.spec.volume_claim_templates)
    ]
    names = {volume["name"] for volume in claimed}
    return [*claimed, *(volume for volume in given if volume.get("name") not in names)]


def _plan_claims(observed: Observed, ordinal: int) -> tuple[Action, ...]:
    found = observed.statefulset
    missing = (
        (_claim_name(found, template["metadata"]["name"], ordinal), template)
        for template in found.spec.volume_claim_templates
    )
    return tuple(
        Create(
            resource=CLAIMS,
            manifest=_render_claim(found, name, template),
            note=Note(
                about=found,
                reason="SuccessfulCreate",
                message=f"create Claim {name} Pod {found.metadata.name}-{ordinal} in "
                f"StatefulSet {found.metadata.name} success",
            ),
        )
        for name, template in missing
        if name not in observed.claims
    )


def _render_claim(found: StatefulSet, name: str, template: Manifest) -> Manifest:
    # No owner: what a claim holds must outlive the set, as Kubernetes' default retention says.
    given = template.get("metadata") or {}
    meta = {
        "name": name,
        "namespace": found.metadata.namespace,
        "labels": {**found.spec.selector.match_labels, **(given.get("labels") or {})},
        "annotations": given.get("annotations") or {},
    }
    return {
        "apiVersion": CLAIMS.api_version,
        "kind": CLAIMS.kind,
        "metadata": meta,
        "spec": template.get("spec") or {},
    }


def _claim_name(found: StatefulSet, template: str, ordinal: int) -> str:
    return f"{template}-{found.metadata.name}-{ordinal}"
