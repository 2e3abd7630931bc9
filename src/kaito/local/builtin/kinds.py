"""Projections of the kinds that only the built-in controllers read.

They follow the same rules as `kaito.api.core`: the fields somebody here decides on, and no more.
"""

from datetime import datetime

from kaito.api.core import ObjectReference, PodTemplate, UpdateStrategy
from kaito.api.meta import Condition, Manifest, Object, Wire
from kaito.api.resources import Resource
from kaito.api.selectors import LabelSelector


class ReplicaSetSpec(Wire):
    """What is wanted of a ReplicaSet."""

    replicas: int = 1
    min_ready_seconds: int = 0
    selector: LabelSelector = LabelSelector()
    template: PodTemplate = PodTemplate()


class ReplicaSetStatus(Wire):
    """What was observed of a ReplicaSet."""

    observed_generation: int = 0
    replicas: int = 0
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0


class ReplicaSet(Object):
    """A number of equal pods."""

    spec: ReplicaSetSpec = ReplicaSetSpec()
    status: ReplicaSetStatus = ReplicaSetStatus()


class DeploymentSpec(Wire):
    """What is wanted of a Deployment."""

    replicas: int = 1
    selector: LabelSelector = LabelSelector()
    template: PodTemplate = PodTemplate()
    strategy: UpdateStrategy = UpdateStrategy()
    min_ready_seconds: int = 0
    revision_history_limit: int = 10
    progress_deadline_seconds: int = 600
    paused: bool = False


class DeploymentCondition(Condition):
    """A condition that also says when it was last found to hold."""

    last_update_time: datetime | None = None


class DeploymentStatus(Wire):
    """What was observed of a Deployment."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    conditions: tuple[DeploymentCondition, ...] = ()


class Deployment(Object):
    """Equal pods whose template may change without an outage."""

    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class ControllerRevision(Object):
    """One version of a StatefulSet's template; `data` is the patch that brings it back."""

    data: Manifest = {}
    revision: int = 0


class ClaimSpec(Wire):
    """What is wanted of a PersistentVolumeClaim."""

    access_modes: tuple[str, ...] = ()
    volume_name: str = ""
    resources: Manifest = {}


class ClaimStatus(Wire):
    """What was observed of a PersistentVolumeClaim."""

    phase: str = "Pending"
    access_modes: tuple[str, ...] = ()
    capacity: dict[str, str] = {}


class PersistentVolumeClaim(Object):
    """A folder that outlives the pods that use it."""

    spec: ClaimSpec = ClaimSpec()
    status: ClaimStatus = ClaimStatus()


class EndpointConditions(Wire):
    """Whether an endpoint may get traffic."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Wire):
    """One backend of a Service."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    hostname: str = ""
    node_name: str = ""
    target_ref: ObjectReference | None = None


class EndpointPort(Wire):
    """A port that every endpoint of a slice listens on."""

    name: str = ""
    protocol: str = "TCP"
    port: int = 0


class EndpointSlice(Object):
    """Backends of a Service that listen on the same ports."""

    address_type: str = "IPv4"
    endpoints: tuple[Endpoint, ...] | None = None
    ports: tuple[EndpointPort, ...] | None = None


class EndpointAddress(Wire):
    """One backend, in the older form."""

    ip: str = ""
    hostname: str = ""
    node_name: str = ""
    target_ref: ObjectReference | None = None


class EndpointSubset(Wire):
    """Backends with the same ports, in the older form."""

    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(Object):
    """All backends of a Service in one object; `kubectl describe service` reads it."""

    subsets: tuple[EndpointSubset, ...] | None = ()


REPLICASETS = Resource(
    group="apps", version="v1", plural="replicasets", kind="ReplicaSet", type=ReplicaSet
)
DEPLOYMENTS = Resource(
    group="apps", version="v1", plural="deployments", kind="Deployment", type=Deployment
)
CONTROLLER_REVISIONS = Resource(
    group="apps",
    version="v1",
    plural="controllerrevisions",
    kind="ControllerRevision",
    type=ControllerRevision,
)
CLAIMS = Resource(
    group="",
    version="v1",
    plural="persistentvolumeclaims",
    kind="PersistentVolumeClaim",
    type=PersistentVolumeClaim,
)
ENDPOINT_SLICES = Resource(
    group="discovery.k8s.io",
    version="v1",
    plural="endpointslices",
    kind="EndpointSlice",
    type=EndpointSlice,
)
ENDPOINTS = Resource(group="", version="v1", plural="endpoints", kind="Endpoints", type=Endpoints)
