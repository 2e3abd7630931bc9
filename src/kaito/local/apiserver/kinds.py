"""The built-in kinds that the embedded API server serves, as data.

Names, short names and categories are those of Kubernetes
(https://kubernetes.io/docs/reference/kubectl/#resource-types). What is not here is not served.
"""

from kaito.local.apiserver.registry import (
    SCALE,
    STATUS,
    Registry,
    ScalePaths,
    Served,
    Subresource,
)

_CREATE = ("create",)
_STREAM = ("create", "get")

_POD_SUBRESOURCES = (
    Subresource(name="attach", kind="PodAttachOptions", verbs=_STREAM),
    Subresource(name="binding", kind="Binding", verbs=_CREATE),
    Subresource(name="eviction", kind="Eviction", api_version="policy/v1", verbs=_CREATE),
    Subresource(name="exec", kind="PodExecOptions", verbs=_STREAM),
    Subresource(name="log", kind="Pod", verbs=("get",)),
    Subresource(name="portforward", kind="PodPortForwardOptions", verbs=_STREAM),
    STATUS,
)
_REPLICAS = ScalePaths(selector="spec.selector")

_CORE = (
    Served(
        group="",
        version="v1",
        plural="configmaps",
        kind="ConfigMap",
        singular="configmap",
        short_names=("cm",),
        counts_generations=False,
    ),
    Served(
        group="",
        version="v1",
        plural="endpoints",
        kind="Endpoints",
        singular="endpoints",
        short_names=("ep",),
        counts_generations=False,
    ),
    Served(
        group="",
        version="v1",
        plural="events",
        kind="Event",
        singular="event",
        short_names=("ev",),
        counts_generations=False,
    ),
    Served(
        group="",
        version="v1",
        plural="namespaces",
        kind="Namespace",
        singular="namespace",
        namespaced=False,
        short_names=("ns",),
        verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
        subresources=(Subresource(name="finalize", verbs=("patch", "update")), STATUS),
        counts_generations=False,
    ),
    Served(
        group="",
        version="v1",
        plural="nodes",
        kind="Node",
        singular="node",
        namespaced=False,
        short_names=("no",),
        subresources=(STATUS,),
        counts_generations=False,
    ),
    Served(
        group="",
        version="v1",
        plural="persistentvolumeclaims",
        kind="PersistentVolumeClaim",
        singular="persistentvolumeclaim",
        short_names=("pvc",),
        subresources=(STATUS,),
        counts_generations=False,
    ),
    Served(
        group="",
        version="v1",
        plural="persistentvolumes",
        kind="PersistentVolume",
        singular="persistentvolume",
        namespaced=False,
        short_names=("pv",),
        subresources=(STATUS,),
        counts_generations=False,
    ),
    Served(
        group="",
        version="v1",
        plural="pods",
        kind="Pod",
        singular="pod",
        short_names=("po",),
        categories=("all",),
        subresources=_POD_SUBRESOURCES,
    ),
    Served(
        group="",
        version="v1",
        plural="secrets",
        kind="Secret",
        singular="secret",
        counts_generations=False,
    ),
    Served(
        group="",
        version="v1",
        plural="serviceaccounts",
        kind="ServiceAccount",
        singular="serviceaccount",
        short_names=("sa",),
        counts_generations=False,
    ),
    Served(
        group="",
        version="v1",
        plural="services",
        kind="Service",
        singular="service",
        short_names=("svc",),
        categories=("all",),
        subresources=(STATUS,),
        counts_generations=False,
    ),
)

_WORKLOADS = (
    Served(
        group="apps",
        version="v1",
        plural="controllerrevisions",
        kind="ControllerRevision",
        singular="controllerrevision",
        counts_generations=False,
    ),
    Served(
        group="apps",
        version="v1",
        plural="deployments",
        kind="Deployment",
        singular="deployment",
        short_names=("deploy",),
        categories=("all",),
        subresources=(SCALE, STATUS),
        scale=_REPLICAS,
    ),
    Served(
        group="apps",
        version="v1",
        plural="replicasets",
        kind="ReplicaSet",
        singular="replicaset",
        short_names=("rs",),
        categories=("all",),
        subresources=(SCALE, STATUS),
        scale=_REPLICAS,
    ),
    Served(
        group="apps",
        version="v1",
        plural="statefulsets",
        kind="StatefulSet",
        singular="statefulset",
        short_names=("sts",),
        categories=("all",),
        subresources=(SCALE, STATUS),
        scale=_REPLICAS,
    ),
    Served(
        group="batch",
        version="v1",
        plural="jobs",
        kind="Job",
        singular="job",
        categories=("all",),
        subresources=(STATUS,),
    ),
)

_CLUSTER = (
    Served(
        group="apiextensions.k8s.io",
        version="v1",
        plural="customresourcedefinitions",
        kind="CustomResourceDefinition",
        singular="customresourcedefinition",
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        subresources=(STATUS,),
    ),
    Served(
        group="authentication.k8s.io",
        version="v1",
        plural="selfsubjectreviews",
        kind="SelfSubjectReview",
        singular="selfsubjectreview",
        namespaced=False,
        verbs=_CREATE,
    ),
    Served(
        group="authorization.k8s.io",
        version="v1",
        plural="selfsubjectaccessreviews",
        kind="SelfSubjectAccessReview",
        singular="selfsubjectaccessreview",
        namespaced=False,
        verbs=_CREATE,
    ),
    Served(
        group="authorization.k8s.io",
        version="v1",
        plural="selfsubjectrulesreviews",
        kind="SelfSubjectRulesReview",
        singular="selfsubjectrulesreview",
        namespaced=False,
        verbs=_CREATE,
    ),
    Served(
        group="coordination.k8s.io",
        version="v1",
        plural="leases",
        kind="Lease",
        singular="lease",
        counts_generations=False,
    ),
    Served(
        group="discovery.k8s.io",
        version="v1",
        plural="endpointslices",
        kind="EndpointSlice",
        singular="endpointslice",
    ),
    Served(
        group="policy",
        version="v1",
        plural="poddisruptionbudgets",
        kind="PodDisruptionBudget",
        singular="poddisruptionbudget",
        short_names=("pdb",),
        subresources=(STATUS,),
    ),
    Served(
        group="storage.k8s.io",
        version="v1",
        plural="storageclasses",
        kind="StorageClass",
        singular="storageclass",
        namespaced=False,
        short_names=("sc",),
        counts_generations=False,
    ),
)

_KEPT = (
    # Stored for the charts that bring them, and without effect: see KEPT_WITHOUT_EFFECT.
    Served(
        group="admissionregistration.k8s.io",
        version="v1",
        plural="mutatingwebhookconfigurations",
        kind="MutatingWebhookConfiguration",
        singular="mutatingwebhookconfiguration",
        namespaced=False,
        categories=("api-extensions",),
    ),
    Served(
        group="admissionregistration.k8s.io",
        version="v1",
        plural="validatingwebhookconfigurations",
        kind="ValidatingWebhookConfiguration",
        singular="validatingwebhookconfiguration",
        namespaced=False,
        categories=("api-extensions",),
    ),
    Served(
        group="networking.k8s.io",
        version="v1",
        plural="networkpolicies",
        kind="NetworkPolicy",
        singular="networkpolicy",
        short_names=("netpol",),
    ),
    Served(
        group="rbac.authorization.k8s.io",
        version="v1",
        plural="clusterrolebindings",
        kind="ClusterRoleBinding",
        singular="clusterrolebinding",
        namespaced=False,
        counts_generations=False,
    ),
    Served(
        group="rbac.authorization.k8s.io",
        version="v1",
        plural="clusterroles",
        kind="ClusterRole",
        singular="clusterrole",
        namespaced=False,
        counts_generations=False,
    ),
    Served(
        group="rbac.authorization.k8s.io",
        version="v1",
        plural="rolebindings",
        kind="RoleBinding",
        singular="rolebinding",
        counts_generations=False,
    ),
    Served(
        group="rbac.authorization.k8s.io",
        version="v1",
        plural="roles",
        kind="Role",
        singular="role",
        counts_generations=False,
    ),
    Served(
        group="scheduling.k8s.io",
        version="v1",
        plural="priorityclasses",
        kind="PriorityClass",
        singular="priorityclass",
        namespaced=False,
        short_names=("pc",),
    ),
)

KEPT_WITHOUT_EFFECT = (*(served.kind for served in _KEPT), "PodDisruptionBudget")
"""Kinds that are stored, so that a chart installs, and that nothing here acts on."""
BUILTIN = (*_CORE, *_WORKLOADS, *_CLUSTER, *_KEPT)


def builtin_registry() -> Registry:
    """A registry of every built-in kind."""
    registry = Registry()
    for served in BUILTIN:
        registry.add(served)
    return registry
