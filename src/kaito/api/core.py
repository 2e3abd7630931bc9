"""Kubernetes' own kinds, as far as the control plane reads them.

Each struct is a projection: it names the fields somebody here decides on, and decoding skips the
rest. Pod templates stay manifests, since they are passed through whole.
"""

from datetime import datetime

import msgspec

from kaito.api.meta import Condition, Manifest, Object, Wire
from kaito.api.resources import Resource
from kaito.api.selectors import LabelSelector


class Taint(Wire):
    """A mark on a node that keeps pods away unless they tolerate it."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"


class NodeSpec(Wire):
    """What is wanted of a node."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()
    provider_id: str = msgspec.field(default="", name="providerID")


class NodeStatus(Wire):
    """What a node offers and how it is."""

    capacity: dict[str, str] = {}
    allocatable: dict[str, str] = {}
    conditions: tuple[Condition, ...] = ()


class Node(Object):
    """A machine that pods run on."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def is_ready(self) -> bool:
        """Whether the node's agent says it can run pods."""
        return any(c.type == "Ready" and c.is_true for c in self.status.conditions)


class ContainerStateWaiting(Wire):
    """Why a container has not started yet."""

    reason: str = ""
    message: str = ""


class ContainerStateRunning(Wire):
    """Since when a container runs."""

    started_at: datetime | None = None


class ContainerStateTerminated(Wire):
    """How a container ended."""

    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(Wire):
    """Exactly one of the three is set."""

    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(Wire):
    """What the node's agent observed of one container."""

    name: str
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class Toleration(Wire):
    """Which taints a pod bears; an empty key with Exists bears all."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class ResourceRequirements(Wire):
    """Quantities asked for and allowed."""

    requests: dict[str, str | int | float] = {}
    limits: dict[str, str | int | float] = {}


class ContainerPort(Wire):
    """A port that a container says it listens on."""

    container_port: int
    name: str = ""
    protocol: str = "TCP"


class Container(Wire):
    """One program of a pod, as the scheduler and the controllers see it."""

    name: str = ""
    image: str = ""
    ports: tuple[ContainerPort, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    restart_policy: str = ""


class PodSpec(Wire):
    """What is wanted of a pod. `affinity` stays a manifest: only the scheduler looks inside."""

    node_name: str = ""
    hostname: str = ""
    subdomain: str = ""
    node_selector: dict[str, str] = {}
    affinity: Manifest = {}
    tolerations: tuple[Toleration, ...] = ()
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    scheduler_name: str = ""
    restart_policy: str = "Always"
    termination_grace_period_seconds: int | None = None


class PodStatus(Wire):
    """What was observed of a pod."""

    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    pod_ip: str = msgspec.field(default="", name="podIP")
    start_time: datetime | None = None
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Object):
    """Containers that run together on one node."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def is_ready(self) -> bool:
        """Whether it may get traffic."""
        return any(c.type == "Ready" and c.is_true for c in self.status.conditions)

    @property
    def is_finished(self) -> bool:
        """Whether it has ended and will not run again."""
        return self.status.phase in ("Succeeded", "Failed")


class PodTemplate(Wire):
    """metadata and spec of the pods that a workload makes, passed through whole."""

    metadata: Manifest = {}
    spec: Manifest = {}


class RollingUpdate(Wire):
    """How far a rolling update may stray from the wanted number of pods."""

    max_unavailable: int | str | None = None
    max_surge: int | str | None = None
    partition: int = 0


class UpdateStrategy(Wire):
    """How pods are replaced when the template changes."""

    type: str = "RollingUpdate"
    rolling_update: RollingUpdate = RollingUpdate()


class StatefulSetSpec(Wire):
    """What is wanted of a StatefulSet."""

    replicas: int = 1
    service_name: str = ""
    selector: LabelSelector = LabelSelector()
    template: PodTemplate = PodTemplate()
    pod_management_policy: str = "OrderedReady"
    update_strategy: UpdateStrategy = UpdateStrategy()
    volume_claim_templates: tuple[Manifest, ...] = ()
    min_ready_seconds: int = 0
    revision_history_limit: int = 10


class StatefulSetStatus(Wire):
    """What was observed of a StatefulSet."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    current_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""


class StatefulSet(Object):
    """Pods with stable names and order."""

    spec: StatefulSetSpec = StatefulSetSpec()
    status: StatefulSetStatus = StatefulSetStatus()


class Deployment(Object):
    """Pods that are alike; read only for whose it is."""


class ServicePort(Wire):
    """One port of a Service; `target_port` is a number or the name of a container's port."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: int | str = 0


class ServiceSpec(Wire):
    """What is wanted of a Service."""

    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    selector: dict[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    publish_not_ready_addresses: bool = False


class Service(Object):
    """One address for the pods that a selector names."""

    spec: ServiceSpec = ServiceSpec()


class ConfigMap(Object):
    """Named texts."""

    data: dict[str, str] = {}


class NamespaceSpec(Wire):
    """What holds a namespace until it is empty."""

    finalizers: tuple[str, ...] = ()


class NamespaceStatus(Wire):
    """Whether a namespace is in use or going away."""

    phase: str = "Active"


class Namespace(Object):
    """A scope for names."""

    spec: NamespaceSpec = NamespaceSpec()
    status: NamespaceStatus = NamespaceStatus()


class UncountedPods(Wire):
    """Uids of pods that have ended and are not in the counts yet."""

    succeeded: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class JobStatus(Wire):
    """What was observed of a Job."""

    active: int = 0
    ready: int = 0
    succeeded: int = 0
    failed: int = 0
    completed_indexes: str = ""
    uncounted_terminated_pods: UncountedPods = UncountedPods()
    conditions: tuple[Condition, ...] = ()
    start_time: datetime | None = None
    completion_time: datetime | None = None


class SuccessRule(Wire):
    """Which numbers of an indexed Job, or how many of them, are success enough."""

    succeeded_indexes: str = ""
    """As in `completed_indexes`; empty: any."""
    succeeded_count: int | None = None
    """None: all of them."""


class SuccessPolicy(Wire):
    """When an indexed Job is done before all numbers are: when any rule is met."""

    rules: tuple[SuccessRule, ...] = ()


class JobSpec(Wire):
    """What is wanted of a Job."""

    parallelism: int = 1
    completions: int | None = None
    completion_mode: str = "NonIndexed"
    success_policy: SuccessPolicy | None = None
    backoff_limit: int = 6
    suspend: bool = False
    active_deadline_seconds: int | None = None
    ttl_seconds_after_finished: int | None = None
    selector: LabelSelector = LabelSelector()
    template: PodTemplate = PodTemplate()


class Job(Object):
    """Pods that run to an end."""

    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()


class LeaseSpec(Wire):
    """Who holds a Lease and until when."""

    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: datetime | None = None
    renew_time: datetime | None = None
    lease_transitions: int = 0


class Lease(Object):
    """A lock that must be renewed."""

    spec: LeaseSpec = LeaseSpec()


class ObjectReference(Wire):
    """Which object an event is about."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


class Event(Object):
    """Something that happened to an object, for people."""

    involved_object: ObjectReference = ObjectReference()
    type: str = "Normal"
    reason: str = ""
    message: str = ""
    count: int = 1
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None


PODS = Resource(group="", version="v1", plural="pods", kind="Pod", type=Pod)
NODES = Resource(group="", version="v1", plural="nodes", kind="Node", type=Node, namespaced=False)
SERVICES = Resource(group="", version="v1", plural="services", kind="Service", type=Service)
CONFIGMAPS = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap", type=ConfigMap)
SECRETS = Resource(group="", version="v1", plural="secrets", kind="Secret", type=Object)
EVENTS = Resource(group="", version="v1", plural="events", kind="Event", type=Event)
NAMESPACES = Resource(
    group="", version="v1", plural="namespaces", kind="Namespace", type=Namespace, namespaced=False
)
STATEFULSETS = Resource(
    group="apps", version="v1", plural="statefulsets", kind="StatefulSet", type=StatefulSet
)
DEPLOYMENTS = Resource(
    group="apps", version="v1", plural="deployments", kind="Deployment", type=Deployment
)
JOBS = Resource(group="batch", version="v1", plural="jobs", kind="Job", type=Job)
LEASES = Resource(
    group="coordination.k8s.io", version="v1", plural="leases", kind="Lease", type=Lease
)
STORAGE_CLASSES = Resource(
    group="storage.k8s.io",
    version="v1",
    plural="storageclasses",
    kind="StorageClass",
    type=Object,
    namespaced=False,
)
CRDS = Resource(
    group="apiextensions.k8s.io",
    version="v1",
    plural="customresourcedefinitions",
    kind="CustomResourceDefinition",
    type=Object,
    namespaced=False,
)
