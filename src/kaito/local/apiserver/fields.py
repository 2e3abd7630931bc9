"""Which field selectors a resource has; anything else is refused rather than matching nothing.

The lists are kube-apiserver's (the `AddFieldLabelConversionFunc` of each kind).
"""

from kaito.local.apiserver import errors
from kaito.local.apiserver.options import ListOptions
from kaito.local.apiserver.target import Target

_EVERY = frozenset({"metadata.name", "metadata.namespace"})
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

FIELDS: dict[str, frozenset[str]] = {
    "pods": frozenset(
        {
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        }
    ),
    "events": frozenset(
        {
            *(f"involvedObject.{field}" for field in _INVOLVED),
            "reason",
            "reportingComponent",
            "source",
            "type",
        }
    ),
    "nodes": frozenset({"spec.unschedulable"}),
    "namespaces": frozenset({"status.phase"}),
    "secrets": frozenset({"type"}),
    "services": frozenset({"spec.clusterIP", "spec.type"}),
    "replicasets.apps": frozenset({"status.replicas"}),
    "jobs.batch": frozenset({"status.successful"}),
}
"""Selectable fields beyond the name and the namespace."""


def check_field_selector(target: Target, options: ListOptions) -> None:
    """Refuse a field selector that this resource does not have (400)."""
    known = _EVERY | FIELDS.get(target.served.resource, frozenset())
    for path, _, _ in options.fields:
        if path not in known:
            raise errors.bad_request(f'field label not supported: "{path}"')
