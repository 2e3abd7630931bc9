"""All pods of this machine: one worker each, from the first sight of a pod to its last trace."""

import asyncio
import logging
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from kaito.api.meta import Key, Object
from kaito.base.logs import facts
from kaito.kube.cache import Reader
from kaito.local.apiserver.streaming import errors
from kaito.local.builtin.scheduler.amounts import Amounts, to_amounts
from kaito.local.node.addresses import Addresses
from kaito.local.node.devices import amounts_of, plan_admission, plan_gpus
from kaito.local.node.errors import NodeError
from kaito.local.node.kit import Kit
from kaito.local.node.lifecycle.facts import Block
from kaito.local.node.node_objects import Node
from kaito.local.node.nodes import Nodes
from kaito.local.node.pod import PODS, WatchedPod
from kaito.local.node.pod_worker import PodWorker
from kaito.local.node.records import PodRecord, PodRecords
from kaito.local.node.streams import LocalPod

logger = logging.getLogger(__name__)

_ORPHAN_GRACE = 1.0


class PodDirectory:
    """The workers, by pod uid."""

    def __init__(self, kit: Kit, nodes: Nodes, reader: Reader, *, state: Path) -> None:
        self._kit = kit
        self._nodes = nodes
        self._reader = reader
        self._state = state
        self._records = PodRecords(state)
        self._known = self._records.load()
        self._addresses = Addresses(plane=str(state.resolve()))
        self._workers: dict[str, PodWorker] = {}
        self._group: asyncio.TaskGroup | None = None
        self._finished: set[str] = set()
        self._released: set[Key] = set()
        for record in self._known.values():
            self._addresses.claim(record.ip)
        kit.runtime.subscribe(self._run_changed)

    def find(self, key: Key) -> LocalPod:
        """The pod of that name; `StreamError` when it does not exist or runs elsewhere."""
        pod = self._reader.get(PODS, key)
        if pod is None:
            raise errors.pod_not_found(key.name)
        worker = self._workers.get(pod.metadata.uid)
        if worker is None:
            raise errors.pod_not_scheduled(key.name)
        return LocalPod(pod=pod, address=worker.record.ip)

    async def run(self) -> None:
        """Take up every pod there is, then follow changes until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._take_up_all()
            alive = {pod.metadata.uid for pod in self._reader.list(PODS)}
            leftover = {*self._known, *self._kit.runtime.pod_uids} - alive
            for uid in sorted(leftover):
                group.create_task(self._clear_orphan(uid))
            await asyncio.get_running_loop().create_future()

    def pod_changed(self, old: WatchedPod | None, new: WatchedPod | None) -> None:
        """A pod is new, different or gone."""
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self._vanish(old.metadata.uid)
        if new is None:
            return
        worker = self._workers.get(new.metadata.uid)
        if worker is not None:
            worker.update(new)
        elif self._group is not None and new.node_name and self._nodes.serves(new.node_name):
            self._take_up(self._group, new)

    def node_changed(self, _old: Node | None, new: Node | None) -> None:
        """A node is new or different: pods may be bound to it already."""
        if new is not None:
            self._take_up_all()

    def _take_up_all(self) -> None:
        for pod in self._reader.list(PODS):
            if pod.metadata.uid not in self._workers:
                self.pod_changed(None, pod)

    def source_changed(self, old: Object | None, new: Object | None) -> None:
        """A ConfigMap, a Secret or a claim is different: pods of its namespace may care."""
        item = new or old
        assert item is not None, "a change has an object before or after it"
        for worker in self._workers.values():
            if worker.watched.metadata.namespace == item.metadata.namespace:
                worker.refresh()

    def claim_changed(self, old: Object | None, new: Object | None) -> None:
        """A claim is new, different or gone; its folder goes with it once no pod uses it."""
        self.source_changed(old, new)
        if old is not None and new is None:
            self._released.add(old.key)
            self._remove_claims()

    def _remove_claims(self) -> None:
        used = {key for worker in self._workers.values() for key in _claims_of(worker.watched)}
        for key in self._released - used:
            self._kit.volumes.remove_claim(key)
        self._released &= used

    def _vanish(self, uid: str) -> None:
        worker = self._workers.get(uid)
        if worker is None:
            return
        if uid in self._finished:
            # Its containers were gone before its object, which finalizers held.
            del self._workers[uid]
            self._finished.discard(uid)
        else:
            worker.vanish()

    def _run_changed(self, pod_uid: str) -> None:
        worker = self._workers.get(pod_uid)
        if worker is not None:
            worker.wake()

    def _take_up(self, group: asyncio.TaskGroup, pod: WatchedPod) -> None:
        uid = pod.metadata.uid
        record, refusal = self._known.get(uid), None
        if record is None:
            asked: Amounts = {}
            try:
                asked = amounts_of(pod)
                refusal = self._admit(pod, asked)
            except NodeError as error:
                refusal = Block(reason="InvalidSpec", message=str(error))
            record = self._new_record(pod, asked)
        worker = PodWorker(self._kit, pod, record, refusal=refusal)
        self._workers[uid] = worker
        group.create_task(self._work(worker), name=f"pod {pod.key}")

    async def _work(self, worker: PodWorker) -> None:
        await worker.run()
        record = worker.record
        self._forget(record)
        found = self._reader.get(PODS, worker.watched.key)
        if found is not None and found.metadata.uid == record.uid:
            self._finished.add(record.uid)
        else:
            del self._workers[record.uid]
        self._remove_claims()
        logger.info("pod is gone", extra=facts(pod=worker.watched.key))

    def _admit(self, pod: WatchedPod, asked: Amounts) -> Block | None:
        others = [w.watched for w in self._workers.values() if not _is_over(w.watched)]
        same_node = [other for other in others if other.node_name == pod.node_name]
        offered = to_amounts(self._nodes.allocatable(pod.node_name))
        return plan_admission(
            asked, offered, on_machine=_amounts(others), on_node=_amounts(same_node)
        )

    def _new_record(self, pod: WatchedPod, asked: Amounts) -> PodRecord:
        taken = [gpu for worker in self._workers.values() for gpu in worker.record.gpus]
        record = PodRecord(
            uid=pod.metadata.uid,
            namespace=pod.metadata.namespace,
            name=pod.metadata.name,
            ip=self._addresses.allocate(),
            gpus=plan_gpus(asked, self._kit.gpus, taken=taken),
        )
        self._records.save(record)
        self._known[record.uid] = record
        return record

    def _forget(self, record: PodRecord) -> None:
        shutil.rmtree(self._state / "pods" / record.uid, ignore_errors=True)
        self._known.pop(record.uid, None)
        self._addresses.release(record.ip)

    async def _clear_orphan(self, uid: str) -> None:
        """End what is left of a pod whose object went away while no agent was running."""
        runtime = self._kit.runtime
        alive = [run for runs in runtime.runs(uid).values() for run in runs if run.exit is None]
        for run in alive:
            runtime.stop(run.id, grace=_ORPHAN_GRACE)
        for run in alive:
            await runtime.wait_ended(run.id)
        runtime.forget(uid)
        self._kit.volumes.remove(uid)
        record = self._known.get(uid)
        if record is not None:
            self._forget(record)


def _amounts(pods: Iterable[WatchedPod]) -> list[Amounts]:
    found: list[Amounts] = []
    for pod in pods:
        # What cannot be read does not run either.
        with suppress(NodeError):
            found.append(amounts_of(pod))
    return found


def _claims_of(pod: WatchedPod) -> set[Key]:
    names = (
        (volume.get("persistentVolumeClaim") or {}).get("claimName")
        for volume in pod.spec.get("volumes") or ()
    )
    return {Key(pod.metadata.namespace, name) for name in names if name}


def _is_over(pod: WatchedPod) -> bool:
    return pod.status.get("phase") in ("Succeeded", "Failed")
