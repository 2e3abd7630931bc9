"""Defaults of built-in kinds that depend on other fields, which a schema cannot say.

Run after `defaults.apply_defaults` and validation. What each kind gets is listed in `_RULES`; the
facts are those of https://kubernetes.io/docs/reference/kubernetes-api/. Rules change the copy that
they are given.
"""

from collections.abc import Callable

from kaito.api import labels
from kaito.api.meta import Manifest
from kaito.local.schema.copying import copy_json
from kaito.local.schema.structure import Json

_Rule = Callable[[Manifest], None]


def apply_builtin_defaults(group: str, kind: str, manifest: Manifest) -> Manifest:
    """The (valid) manifest with the dependent defaults of its kind; the same object if none."""
    rule = _RULES.get((group, kind))
    if rule is None:
        return manifest
    completed: Manifest = copy_json(manifest)
    rule(completed)
    return completed


def _fill(parent: Manifest, name: str, default: Json) -> None:
    """Set a field that is absent; null is, too."""
    if parent.get(name) is None:
        parent[name] = default


def _inner(parent: Manifest, name: str) -> Manifest:
    """The object in a field, made when absent."""
    _fill(parent, name, {})
    inner: Manifest = parent[name]
    return inner


def _complete_pod(pod: Manifest) -> None:
    _fill(pod["spec"], "enableServiceLinks", True)
    _complete_pod_spec(pod["spec"])
    for container in _containers(pod["spec"]):
        resources = container.get("resources") or {}
        for name, limit in (resources.get("limits") or {}).items():
            _fill(_inner(container["resources"], "requests"), name, limit)


def _complete_pod_spec(spec: Manifest) -> None:
    for container in _containers(spec):
        _fill(container, "imagePullPolicy", _pull_policy(container.get("image") or ""))
        if spec.get("hostNetwork"):
            for port in container.get("ports") or ():
                _fill(port, "hostPort", port.get("containerPort"))
    for volume in spec.get("volumes") or ():
        if len(volume) == 1:
            volume["emptyDir"] = {}


def _containers(spec: Manifest) -> list[Manifest]:
    return [
        container
        for field in ("initContainers", "containers", "ephemeralContainers")
        for container in spec.get(field) or ()
        if isinstance(container, dict)
    ]


def _pull_policy(image: str) -> str:
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if tag == "latest" or not (tag or digest) else "IfNotPresent"


def _complete_template(workload: Manifest) -> None:
    template = workload["spec"].get("template")
    if isinstance(template, dict) and isinstance(template.get("spec"), dict):
        _complete_pod_spec(template["spec"])


def _complete_deployment(deployment: Manifest) -> None:
    _complete_template(deployment)
    strategy = deployment["spec"]["strategy"]
    if strategy.get("type") == "RollingUpdate":
        rolling = _inner(strategy, "rollingUpdate")
        _fill(rolling, "maxUnavailable", "25%")
        _fill(rolling, "maxSurge", "25%")


def _complete_stateful_set(stateful_set: Manifest) -> None:
    _complete_template(stateful_set)
    strategy = stateful_set["spec"]["updateStrategy"]
    if strategy.get("type") == "RollingUpdate":
        _fill(_inner(strategy, "rollingUpdate"), "partition", 0)
    for claim in stateful_set["spec"].get("volumeClaimTemplates") or ():
        _fill(claim, "apiVersion", "v1")
        _fill(claim, "kind", "PersistentVolumeClaim")


def _complete_daemon_set(daemon_set: Manifest) -> None:
    _complete_template(daemon_set)
    strategy = daemon_set["spec"]["updateStrategy"]
    if strategy.get("type") == "RollingUpdate":
        rolling = _inner(strategy, "rollingUpdate")
        _fill(rolling, "maxUnavailable", 1)
        _fill(rolling, "maxSurge", 0)


def _complete_replica_set(replica_set: Manifest) -> None:
    _complete_template(replica_set)
    _label_from_template(replica_set)


def _label_from_template(workload: Manifest) -> None:
    template = workload["spec"].get("template") or {}
    given = (template.get("metadata") or {}).get("labels")
    if given and not workload["metadata"].get("labels"):
        workload["metadata"]["labels"] = dict(given)


def _complete_job(job: Manifest) -> None:
    _complete_template(job)
    _complete_job_spec(job["spec"])
    _label_from_template(job)


def _complete_job_spec(spec: Manifest) -> None:
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    _fill(spec, "parallelism", 1)
    policy = "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed"
    _fill(spec, "podReplacementPolicy", policy)


def _complete_service(service: Manifest) -> None:
    spec = service["spec"]
    if spec.get("type") != "ExternalName":
        _fill(spec, "internalTrafficPolicy", "Cluster")
    if spec.get("type") in {"NodePort", "LoadBalancer"}:
        _fill(spec, "externalTrafficPolicy", "Cluster")
    if spec.get("type") == "LoadBalancer":
        _fill(spec, "allocateLoadBalancerNodePorts", True)
    if spec.get("sessionAffinity") == "ClientIP":
        client = _inner(_inner(spec, "sessionAffinityConfig"), "clientIP")
        _fill(client, "timeoutSeconds", 10800)
    for port in spec.get("ports") or ():
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port")


def _complete_binding(binding: Manifest) -> None:
    for subject in binding.get("subjects") or ():
        in_rbac = subject.get("kind") in {"User", "Group"}
        if in_rbac:
            _fill(subject, "apiGroup", "rbac.authorization.k8s.io")
        elif subject.get("kind") == "ServiceAccount" and binding.get("kind") == "RoleBinding":
            _fill(subject, "namespace", binding["metadata"].get("namespace", ""))


def _complete_network_policy(policy: Manifest) -> None:
    spec = policy.get("spec")
    if spec and not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _complete_definition(definition: Manifest) -> None:
    names = definition["spec"]["names"]
    _fill(names, "singular", names.get("kind", "").lower())
    _fill(names, "listKind", f"{names.get('kind', '')}List")


def _complete_namespace(namespace: Manifest) -> None:
    metadata = namespace["metadata"]
    given = metadata.get("labels") or {}
    metadata["labels"] = {**given, labels.NAMESPACE_NAME: metadata.get("name", "")}


_RULES: dict[tuple[str, str], _Rule] = {
    ("", "Pod"): _complete_pod,
    ("", "Namespace"): _complete_namespace,
    ("", "Service"): _complete_service,
    ("", "ReplicationController"): _complete_replica_set,
    ("apps", "Deployment"): _complete_deployment,
    ("apps", "ReplicaSet"): _complete_replica_set,
    ("apps", "StatefulSet"): _complete_stateful_set,
    ("apps", "DaemonSet"): _complete_daemon_set,
    ("batch", "Job"): _complete_job,
    ("networking.k8s.io", "NetworkPolicy"): _complete_network_policy,
    ("rbac.authorization.k8s.io", "RoleBinding"): _complete_binding,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _complete_binding,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _complete_definition,
}
