"""Simulated kubelets: pods that are bound run after a delay, unless they are told to fail.

Those of a Job end well after some multiple of it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from kaito.api.core import PODS, Pod
from kaito.api.meta import Manifest
from kaito.base.clock import Clock, to_rfc3339
from kaito.kube import errors
from kaito.kube.cache import Reader
from kaito.kube.client import Client
from kaito.testing.server import force_delete

Ailment = Literal["", "image", "crash", "memory", "silent"]
"""What goes wrong with a pod's containers; `silent` runs and never becomes ready."""

_WAITING = {
    "image": ("ImagePullBackOff", "Back-off pulling image"),
    "crash": ("CrashLoopBackOff", "back-off 10s restarting failed container"),
    "memory": ("CrashLoopBackOff", "back-off 10s restarting failed container"),
}
_WORK = 5
"""How many times as long as a start a Job's pod takes for all of it."""
_ENDED = {"crash": ("Error", 1), "memory": ("OOMKilled", 137)}


@dataclass(slots=True, kw_only=True)
class Kubelets:
    """The agents of all nodes."""

    client: Client
    clock: Clock
    delay: Callable[[str], float]
    """Seconds from a binding to a ready pod, by the pod's name."""
    ailment: Callable[[str], Ailment] = lambda _: ""
    restarts: int = 3
    """How often a container that crashes has been started again."""
    lingers: bool = False
    """Whether pods that are told to end have not ended yet."""
    address: str = "10.0.0.1"
    """Of all pods; whoever asks them for reports finds nobody there."""
    reader: Reader | None = None
    """Caches to read from; without, every step lists, which sees each change at once."""

    async def step(self) -> None:
        """Bring every bound pod as far as it is by now."""
        for pod in await self._pods():
            with suppress(errors.NotFound, errors.Conflict):
                await self._advance(pod)

    async def _pods(self) -> tuple[Pod, ...]:
        if self.reader is not None:
            return self.reader.list(PODS)
        return (await self.client.list(PODS)).items

    async def _advance(self, pod: Pod) -> None:
        if pod.metadata.is_deleting and self.lingers:
            return
        if pod.metadata.is_deleting:
            await force_delete(self.client, PODS, pod.key, pod.metadata.uid)
            return
        if not pod.spec.node_name:
            return
        if pod.is_finished:
            return
        now = self.clock.now()
        started = pod.status.start_time
        if started is None:
            await self._write(pod, self._status(pod, ready=False, started=to_rfc3339(now)))
            return
        if pod.is_ready and _is_job(pod):
            if now >= started + timedelta(seconds=_WORK * self.delay(pod.metadata.name)):
                await self._write(pod, _finished(pod))
            return
        is_due = now >= started + timedelta(seconds=self.delay(pod.metadata.name))
        if is_due and not pod.is_ready:
            ailing = bool(self.ailment(pod.metadata.name))
            if not (ailing and pod.status.container_statuses and pod.status.phase == "Running"):
                started_text = to_rfc3339(started)
                await self._write(pod, self._status(pod, ready=not ailing, started=started_text))

    async def _write(self, pod: Pod, status: Manifest) -> None:
        await self.client.patch(PODS, pod.key, {"status": status}, subresource="status")

    def _status(self, pod: Pod, *, ready: bool, started: str) -> Manifest:
        ailment = self.ailment(pod.metadata.name)
        names = [container.name for container in pod.spec.containers]
        return {
            "phase": "Running" if ready or ailment in ("crash", "memory", "silent") else "Pending",
            "startTime": started,
            "podIP": self.address,
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": str(ready)},
                {"type": "ContainersReady", "status": str(ready)},
            ],
            "containerStatuses": [
                {**container, "restartCount": self.restarts}
                if "lastState" in container
                else container
                for container in (_container(name, ailment, ready=ready) for name in names)
            ],
        }


def _is_job(pod: Pod) -> bool:
    owner = pod.metadata.controller
    return owner is not None and owner.kind == "Job"


def _finished(pod: Pod) -> Manifest:
    """The status of a pod whose work is done."""
    done = {"terminated": {"exitCode": 0, "reason": "Completed"}}
    return {
        "phase": "Succeeded",
        "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [
            {**_container(c.name, "", ready=True), "ready": False, "state": done}
            for c in pod.spec.containers
        ],
    }


def _container(name: str, ailment: Ailment, *, ready: bool) -> Manifest:
    found: Manifest = {
        "name": name,
        "ready": ready,
        "restartCount": 0,
        "image": "simulated",
        "imageID": "simulated",
    }
    if ready or ailment == "silent":
        return {**found, "started": ready, "state": {"running": {}}}
    if ailment in _WAITING:
        reason, message = _WAITING[ailment]
        found["state"] = {"waiting": {"reason": reason, "message": message}}
        if ailment in _ENDED:
            ended, code = _ENDED[ailment]
            found["lastState"] = {"terminated": {"reason": ended, "exitCode": code}}
        return found
    return {**found, "state": {"waiting": {"reason": "ContainerCreating"}}}
