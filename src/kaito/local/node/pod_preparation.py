"""Gets a pod's volumes and launches ready, and says once what is in the way."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from kaito.local.node.devices import plan_device_environment
from kaito.local.node.downward import Place
from kaito.local.node.environment import Surroundings
from kaito.local.node.errors import NotMountable, NotStartable
from kaito.local.node.kit import HOST_IP, Kit
from kaito.local.node.launch import Attempt, Launch, Workshop, plan_launch
from kaito.local.node.lifecycle.facts import Block, PodEvent
from kaito.local.node.pod import Container, Pod
from kaito.local.node.records import PodRecord
from kaito.local.node.volume_files import Referent

_PATIENCE = timedelta(seconds=0.5)


class Preparation:
    """What one pod has ready."""

    def __init__(self, kit: Kit, record: PodRecord) -> None:
        self._kit = kit
        self._record = record
        self._patient_until = kit.clock.now() + _PATIENCE
        self._volumes: dict[str, Path] | None = None
        self._is_stale = True
        self._said: set[str] = set()

    @property
    def has_volumes(self) -> bool:
        """Whether every volume has been made."""
        return self._volumes is not None

    @property
    def is_patient(self) -> bool:
        """Whether what is missing may just not have been heard of yet.

        Every resource has a watch of its own, so a pod may be known before the ConfigMap that was
        created just before it.
        """
        return self._kit.clock.now() < self._patient_until

    def invalidate(self) -> None:
        """Something that the pod may refer to has changed."""
        self._is_stale = True

    def prepare(self, pod: Pod) -> None:
        """Make the volumes, or refresh what was made from objects that have changed."""
        if not self._is_stale:
            return
        of = Referent(pod=pod, place=self._place(pod), sources=self._kit.sources)
        try:
            self._volumes = self._kit.volumes.prepare(of)
        except NotMountable as error:
            # A pod that runs already keeps what it has, as it would under the kubelet.
            self._say(pod, "FailedMount", _with_hint(error))
            return
        self._is_stale = False

    def launch(self, pod: Pod, container: Container, number: int) -> Launch | Block:
        """The next run of a container, or what keeps it from starting."""
        files = self._kit.runtime.place(pod.uid, container.name, number)
        attempt = Attempt(number=number, backoff=0.0, files=files)
        try:
            return plan_launch(pod, container, self._workshop(pod), attempt)
        except NotStartable as error:
            self._say(pod, "Failed", f"Error: {_with_hint(error)}")
            return Block(reason=error.reason, message=_with_hint(error))

    def _workshop(self, pod: Pod) -> Workshop:
        return Workshop(
            around=Surroundings(
                place=self._place(pod), sources=self._kit.sources, machine=self._kit.environment
            ),
            volumes=self._volumes or {},
            own_bin=self._kit.own_bin,
            bwrap=self._kit.bwrap,
            devices=plan_device_environment(self._record.gpus, self._kit.gpus),
            hosts=self._kit.hosts(pod.metadata.namespace),
        )

    def _place(self, pod: Pod) -> Place:
        allocatable: Mapping[str, str] = self._kit.allocatable(pod.spec.node_name)
        return Place(pod_ip=self._record.ip, host_ip=HOST_IP, allocatable=allocatable)

    def _say(self, pod: Pod, reason: str, message: str) -> None:
        """Tell it once; it stays true for as long as nothing changes."""
        if message in self._said or self.is_patient:
            return
        self._said.add(message)
        self._kit.events.note(pod, PodEvent(type="Warning", reason=reason, message=message))


def _with_hint(error: NotMountable | NotStartable) -> str:
    return f"{error}: {error.hint}" if error.hint else str(error)
