"""What was seen of a cluster and of a Workspace's surroundings in it, as values.

A fact that could not be had is `Unseen`, which says why; one that is not there is None or empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kaito.api.core import ConfigMap, Lease, Namespace, Node, Pod
from kaito.api.meta import Manifest, Object
from kaito.api.nodeclaim import NodeClaim
from kaito.api.nodepool import NodePool
from kaito.app.doctor.finding import Unseen
from kaito.app.doctor.objects import (
    Crd,
    Deployment,
    Quota,
    Registration,
    ServerVersion,
    User,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """One cluster."""

    url: str
    version: ServerVersion | Unseen
    now: datetime
    """Of our own clock, when it was looked at."""
    server_time: datetime | None = None
    user: User | Unseen = field(default_factory=User)
    definitions: Mapping[str, Crd | Unseen | None] = field(default_factory=dict)
    """By name, such as workspaces.kaito.sh; None: it is not there."""
    node_classes: Mapping[str, tuple[str, ...] | Unseen] = field(default_factory=dict)
    """Names of the objects of each node class, by its CRD's name; only of CRDs that are there."""
    groups: frozenset[str] | Unseen = frozenset()
    """API groups that are served; everybody may ask for these."""
    leases: tuple[Lease, ...] | Unseen = ()
    deployments: tuple[Deployment, ...] | Unseen = ()
    hooks: tuple[Registration, ...] | Unseen = ()
    nodes: tuple[Node, ...] | Unseen = ()
    pods: tuple[Pod, ...] | Unseen = ()
    claims: tuple[NodeClaim, ...] | Unseen = ()
    pools: tuple[NodePool, ...] | Unseen = ()
    storage_classes: tuple[Object, ...] | Unseen = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A Workspace that somebody wants to apply."""

    where: str
    """Where it is written, for messages."""
    manifest: Manifest
    """As written, but with a namespace."""

    @property
    def name(self) -> str:
        """Its name; empty where it has none."""
        return str(self.manifest["metadata"].get("name") or "")

    @property
    def namespace(self) -> str:
        """The namespace it will be in."""
        return str(self.manifest["metadata"]["namespace"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A Secret that a Workspace names. Its values are never kept."""

    name: str
    purpose: str
    """What it is for, in words."""
    key: str = ""
    """The key it must have; empty: any."""
    keys: frozenset[str] | Unseen | None = None
    """Those it has; None: there is no such Secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFacts:
    """What one Workspace meets in the cluster."""

    subject: Subject
    is_offline: bool = False
    """Whether there was no cluster to ask: only what is in the files is known."""
    namespace: Namespace | Unseen | None = None
    live: Manifest | Unseen | None = None
    """The Workspace as it is there already."""
    may_create: bool | Unseen = True
    config: ConfigMap | Unseen | None = None
    """The ConfigMap it names."""
    secrets: tuple[Named, ...] = ()
    quotas: tuple[Quota, ...] | Unseen = ()
    beside: frozenset[tuple[str, str]] = frozenset()
    """Kind and name of what stands in the same files, and will be applied with it."""
