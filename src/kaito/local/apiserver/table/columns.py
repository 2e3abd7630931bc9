"""Which columns each built-in resource prints; the rest show name and age.

Names and order are kube-apiserver's (kubernetes/pkg/printers/internalversion/printers.go).
"""

from kaito.local.apiserver.table import cluster, pods, workloads
from kaito.local.apiserver.table.render import AGE, NAME, Printed

COLUMNS: dict[str, tuple[Printed, ...]] = {
    "clusterrolebindings.rbac.authorization.k8s.io": cluster.BINDING_COLUMNS,
    "clusterroles.rbac.authorization.k8s.io": cluster.ROLE_COLUMNS,
    "configmaps": cluster.CONFIG_MAP_COLUMNS,
    "controllerrevisions.apps": cluster.REVISION_COLUMNS,
    "customresourcedefinitions.apiextensions.k8s.io": cluster.DEFINITION_COLUMNS,
    "deployments.apps": workloads.DEPLOYMENT_COLUMNS,
    "endpoints": cluster.ENDPOINTS_COLUMNS,
    "endpointslices.discovery.k8s.io": cluster.ENDPOINT_SLICE_COLUMNS,
    "events": cluster.EVENT_COLUMNS,
    "jobs.batch": workloads.JOB_COLUMNS,
    "leases.coordination.k8s.io": cluster.LEASE_COLUMNS,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": cluster.WEBHOOK_COLUMNS,
    "namespaces": cluster.NAMESPACE_COLUMNS,
    "networkpolicies.networking.k8s.io": cluster.POLICY_COLUMNS,
    "nodes": cluster.NODE_COLUMNS,
    "persistentvolumeclaims": cluster.CLAIM_COLUMNS,
    "poddisruptionbudgets.policy": cluster.BUDGET_COLUMNS,
    "pods": pods.POD_COLUMNS,
    "priorityclasses.scheduling.k8s.io": cluster.PRIORITY_COLUMNS,
    "replicasets.apps": workloads.REPLICA_SET_COLUMNS,
    "rolebindings.rbac.authorization.k8s.io": cluster.BINDING_COLUMNS,
    "roles.rbac.authorization.k8s.io": cluster.ROLE_COLUMNS,
    "secrets": cluster.SECRET_COLUMNS,
    "serviceaccounts": cluster.SERVICE_ACCOUNT_COLUMNS,
    "services": cluster.SERVICE_COLUMNS,
    "statefulsets.apps": workloads.STATEFUL_SET_COLUMNS,
    "storageclasses.storage.k8s.io": cluster.STORAGE_CLASS_COLUMNS,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": cluster.WEBHOOK_COLUMNS,
}


def builtin_columns(resource: str) -> tuple[Printed, ...]:
    """The columns of a built-in resource (`plural.group`)."""
    return COLUMNS.get(resource, (NAME, AGE))
