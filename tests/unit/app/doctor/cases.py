"""Facts about a cluster in which nothing is wrong, to be changed one at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from kaito.api.core import Lease, Namespace, Node
from kaito.api.crd import nodeclaim_crd
from kaito.api.kinds import KINDS
from kaito.api.meta import Manifest
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.nodepool import NODEPOOLS
from kaito.app.doctor.cluster_facts import ClusterFacts, Subject, WorkspaceFacts
from kaito.app.doctor.finding import Finding
from kaito.app.doctor.objects import Crd, Deployment, Registration, ServerVersion, User
from kaito.app.doctor.operators import LEASE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
A100 = {
    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
    "nvidia.com/gpu.count": "1",
    "nvidia.com/gpu.memory": "81920",
}


def crd(manifest: Manifest, *, established: bool = True) -> Crd:
    status = {"conditions": [{"type": "Established", "status": str(established)}]}
    return msgspec.convert({**manifest, "status": status}, Crd)


def ours() -> dict[str, Crd]:
    return {kind.definition.name: crd(kind.definition.to_manifest()) for kind in KINDS}


def pools(*, replicas: bool) -> Crd:
    spec: Manifest = {"type": "object", "properties": {"replicas": {}} if replicas else {}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    return crd({"metadata": {"name": str(NODEPOOLS)}, "spec": {"versions": [version]}})


def deployment(
    image: str = "ghcr.io/kaito-project-py/kaito-operator:0.1.0",
    *args: str,
    ready: int = 1,
    cloud: str = "azure",
    name: str = "kaito",
) -> Deployment:
    program = {
        "image": image,
        "args": ["operator", *args] if "operator" in image else list(args),
        "env": [{"name": "CLOUD_PROVIDER", "value": cloud}],
    }
    manifest = {
        "metadata": {"name": name, "namespace": "kaito-workspace"},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [program]}}},
        "status": {"readyReplicas": ready},
    }
    return msgspec.convert(manifest, Deployment)


def lease(age: float = 2.0, *, name: str = LEASE, holder: str = "kaito-0") -> Lease:
    manifest = {
        "metadata": {"name": name, "namespace": "kaito-workspace"},
        "spec": {"holderIdentity": holder, "renewTime": NOW - timedelta(seconds=age)},
    }
    return msgspec.convert(manifest, Lease)


def registration(*, bundle: str = "Q0E=", policy: str = "Ignore") -> Registration:
    hook = {"name": "x", "failurePolicy": policy, "clientConfig": {"caBundle": bundle}}
    manifest = {"metadata": {"name": "validation.workspace.kaito.sh"}, "webhooks": [hook]}
    return msgspec.convert(manifest, Registration)


def node(
    name: str = "gpu-0", *, labels: dict[str, str] | None = None, gpus: int = 1, provider: str = ""
) -> Node:
    manifest = {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"providerID": provider},
        "status": {
            "allocatable": {"nvidia.com/gpu": str(gpus)} if gpus else {},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
    return msgspec.convert(manifest, Node)


WELL = ClusterFacts(
    url="https://cluster",
    version=ServerVersion(major="1", minor="36", git_version="v1.36.2"),
    now=NOW,
    server_time=NOW,
    user=User(username="ada"),
    definitions={
        **ours(),
        str(NODECLAIMS): crd(nodeclaim_crd()),
        str(NODEPOOLS): pools(replicas=True),
    },
    groups=frozenset({"kaito.sh", "karpenter.sh"}),
    leases=(lease(),),
    deployments=(deployment(), deployment("mcr.microsoft.com/gpu-provisioner:0.4", name="gpu")),
    hooks=(registration(),),
    nodes=(node(labels=A100),),
)


def cluster(**changes: Any) -> ClusterFacts:
    return replace(WELL, **changes)


def workspace(**changes: Any) -> Manifest:
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "phi", "namespace": "default"},
        "resource": {
            "instanceType": "Standard_NC24ads_A100_v4",
            "labelSelector": {"matchLabels": {"apps": "phi"}},
        },
        "inference": {"preset": {"name": "phi-4"}},
        **changes,
    }


def facts(**changes: Any) -> WorkspaceFacts:
    subject = Subject(where="phi.yaml:1", manifest=workspace())
    return replace(WorkspaceFacts(subject=subject, namespace=Namespace()), **changes)


def states(findings: Any) -> dict[str, str]:
    """States by check; the worst where several findings share one."""
    order = ("ok", "unknown", "warning", "missing")
    found: dict[str, str] = {}
    for finding in findings:
        found[finding.check] = max(finding.state, found.get(finding.check, "ok"), key=order.index)
    return found


def only(findings: Any, state: str) -> list[Finding]:
    return [finding for finding in findings if finding.state == state]
