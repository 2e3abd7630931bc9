"""What the agent reads of a Pod: the fields of core/v1 that running it as processes can honour.

A projection, decoded once at the edge; fields that mean nothing for processes (security contexts,
image pull policies, host namespaces) are skipped. Field meanings:
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/.
"""

import hashlib
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from kaito.api.core import PODS as ALL_PODS
from kaito.api.meta import Manifest, Object, ObjectMeta, Wire
from kaito.api.resources import Resource, reading
from kaito.local.node.errors import NodeError
from kaito.local.node.volume_sources import Volume

RestartPolicy: TypeAlias = Literal["Always", "OnFailure", "Never"]
Phase: TypeAlias = Literal["Pending", "Running", "Succeeded", "Failed"]
Amount: TypeAlias = str | int | float
"""A quantity as it stands in a manifest."""

LONGEST_MESSAGE = 4096
"""Bytes of a termination message that are kept (the kubelet's limit for one container)."""


class KeyRef(Wire):
    """One key of a ConfigMap or a Secret in the pod's namespace."""

    name: str = ""
    key: str = ""
    optional: bool = False


class FieldRef(Wire):
    """A field of the pod itself, such as `metadata.labels['app']`."""

    field_path: str


class ResourceFieldRef(Wire):
    """A request or limit of a container, divided by `divisor` and rounded up."""

    resource: str
    container_name: str = ""
    divisor: Amount = "1"


class EnvSource(Wire):
    """Where a variable's value comes from; exactly one is set."""

    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None


class EnvVar(Wire):
    """One variable of a container's environment."""

    name: str
    value: str = ""
    value_from: EnvSource | None = None


class ObjectRef(Wire):
    """A ConfigMap or a Secret taken whole."""

    name: str = ""
    optional: bool = False


class EnvFrom(Wire):
    """Every key of a ConfigMap or a Secret as a variable, with a prefix."""

    prefix: str = ""
    config_map_ref: ObjectRef | None = None
    secret_ref: ObjectRef | None = None


class HttpHeader(Wire):
    """One header of a probe's request."""

    name: str
    value: str = ""


class HttpGet(Wire):
    """A GET request; `port` is a number or the name of a container's port."""

    port: int | str
    path: str = "/"
    host: str = ""
    scheme: str = "HTTP"
    http_headers: tuple[HttpHeader, ...] = ()


class TcpSocket(Wire):
    """A connection to a port."""

    port: int | str
    host: str = ""


class ExecAction(Wire):
    """A command run in the container; exit code 0 is success."""

    command: tuple[str, ...] = ()


class SleepAction(Wire):
    """A hook that only waits."""

    seconds: int = 0


class Check(Wire):
    """What a probe or a hook does; exactly one is set."""

    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    exec: ExecAction | None = None
    sleep: SleepAction | None = None
    grpc: Manifest | None = None


class Probe(Check):
    """A check repeated on a schedule; all times in seconds."""

    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    success_threshold: int = 1
    failure_threshold: int = 3
    termination_grace_period_seconds: int | None = None


class Hooks(Wire):
    """What runs in a container after its start and before its stop."""

    post_start: Check | None = None
    pre_stop: Check | None = None


class ContainerPort(Wire):
    """A port that a container listens on, perhaps named."""

    container_port: int
    name: str = ""
    protocol: str = "TCP"


class VolumeMount(Wire):
    """Where a volume, or a path in it, appears in a container."""

    name: str
    mount_path: str
    sub_path: str = ""
    sub_path_expr: str = ""
    read_only: bool = False


class Resources(Wire):
    """Requests and limits."""

    requests: dict[str, Amount] = {}
    limits: dict[str, Amount] = {}


class Container(Wire):
    """One process of a pod."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    resources: Resources = Resources()
    startup_probe: Probe | None = None
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    lifecycle: Hooks = Hooks()
    restart_policy: str = ""
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: Literal["File", "FallbackToLogsOnError"] = "File"
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False

    @property
    def is_sidecar(self) -> bool:
        """For an init container: whether it keeps running beside the others."""
        return self.restart_policy == "Always"


class ReadinessGate(Wire):
    """A condition that someone else must set before the pod is ready."""

    condition_type: str


class PodSpec(Wire):
    """What is wanted of a pod."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    node_name: str = ""
    restart_policy: RestartPolicy = "Always"
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    readiness_gates: tuple[ReadinessGate, ...] = ()
    hostname: str = ""
    subdomain: str = ""
    service_account_name: str = ""

    @property
    def all_containers(self) -> tuple[Container, ...]:
        """Init containers first, in the order they start."""
        return (*self.init_containers, *self.containers)


class PodCondition(Wire):
    """One condition of a pod."""

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class LastStatus(Wire):
    """The status as the API server has it: what the next one is compared with and carries on."""

    phase: Phase | Literal["", "Unknown"] = ""
    reason: str = ""
    message: str = ""
    conditions: tuple[PodCondition, ...] = ()
    start_time: datetime | None = None
    pod_ip: str = msgspec.field(default="", name="podIP")
    container_statuses: tuple[Manifest, ...] = ()
    init_container_statuses: tuple[Manifest, ...] = ()


class PodMeta(ObjectMeta):
    """Metadata, with the grace that a deletion was asked with."""

    deletion_grace_period_seconds: int | None = None


class WatchedPod(Object):
    """A pod as it comes from the watch: decoding it cannot fail, whatever its spec says."""

    metadata: PodMeta = PodMeta()
    spec: Manifest = {}
    status: Manifest = {}

    @property
    def node_name(self) -> str:
        """The node it is bound to; empty while it is not."""
        return str(self.spec.get("nodeName") or "")


class Pod(Object):
    """Containers that run together on one node."""

    metadata: PodMeta = PodMeta()
    spec: PodSpec = PodSpec()
    status: LastStatus = LastStatus()
    hashes: dict[str, str] = {}
    """By container name: a digest of its whole spec, to notice that it changed in place."""

    @property
    def uid(self) -> str:
        """What tells this pod from an earlier one of the same name."""
        return self.metadata.uid

    @property
    def grace(self) -> int:
        """Seconds between asking a container to stop and killing it."""
        asked = self.metadata.deletion_grace_period_seconds
        if asked is not None:
            return asked
        wanted = self.spec.termination_grace_period_seconds
        return 30 if wanted is None else wanted

    @property
    def is_over(self) -> bool:
        """Whether its status says that it has ended and will not run again."""
        return self.status.phase in ("Succeeded", "Failed")

    def container(self, name: str) -> Container | None:
        """The container of that name, init containers included."""
        return next((c for c in self.spec.all_containers if c.name == name), None)


def parse_pod(watched: WatchedPod) -> Pod:
    """The typed view of a pod; `NodeError` names the field that cannot be read."""
    try:
        spec = msgspec.convert(watched.spec, PodSpec)
        status = msgspec.convert(watched.status, LastStatus)
    except msgspec.ValidationError as error:
        raise NodeError(f"pod {watched.key} cannot be run: {error}") from error
    listed = (watched.spec.get("initContainers"), watched.spec.get("containers"))
    manifests = [manifest for containers in listed for manifest in containers or ()]
    return Pod(
        api_version="v1",
        kind="Pod",
        metadata=watched.metadata,
        spec=spec,
        status=status,
        hashes={manifest["name"]: _digest(manifest) for manifest in manifests},
    )


def _digest(manifest: Manifest) -> str:
    return hashlib.sha256(msgspec.json.encode(manifest, order="sorted")).hexdigest()[:16]


PODS: Resource[WatchedPod] = reading(ALL_PODS, WatchedPod)
