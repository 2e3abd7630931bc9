"""Which resource has which rules."""

from kaito.local.apiserver.rules.base import Rules
from kaito.local.apiserver.rules.definitions import DEFINITIONS, DefinitionRules
from kaito.local.apiserver.rules.namespaces import NamespaceRules
from kaito.local.apiserver.rules.payloads import ConfigMapRules, NodeRules, SecretRules, VolumeRules
from kaito.local.apiserver.rules.pods import PodRules
from kaito.local.apiserver.rules.services import ServiceRules
from kaito.local.apiserver.rules.workloads import JobRules, ReplicaRules, StatefulSetRules


def builtin_rules(*, plane: str = "") -> dict[str, Rules]:
    """New rules for every built-in kind that has some; `plane` as `ServiceRules` takes it."""
    return {
        "configmaps": ConfigMapRules(),
        DEFINITIONS: DefinitionRules(),
        "deployments.apps": ReplicaRules(),
        "jobs.batch": JobRules(),
        "namespaces": NamespaceRules(),
        "nodes": NodeRules(),
        "persistentvolumeclaims": VolumeRules(),
        "persistentvolumes": VolumeRules(),
        "pods": PodRules(),
        "replicasets.apps": ReplicaRules(),
        "secrets": SecretRules(),
        "services": ServiceRules(plane=plane),
        "statefulsets.apps": StatefulSetRules(),
    }
