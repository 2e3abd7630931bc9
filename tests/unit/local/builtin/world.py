"""Objects in memory and an interpreter of decisions: a cluster without time, order or network.

It knows what decisions rely on: uids, revisions, generations, grace of placed pods, finalizers. A
reader is a snapshot, so a test decides on an outdated one simply by keeping it.
"""

import contextlib
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from kaito.api.core import PODS, Pod
from kaito.api.meta import Key, Manifest, Object
from kaito.api.resources import Resource
from kaito.base.clock import to_rfc3339
from kaito.kube import errors
from kaito.kube.cache import FixedReader
from kaito.kube.client import Change
from kaito.kube.controller.decision import Create, Decision, Delete, Note, Patch, StatusWrite
from kaito.kube.controller.runner import Controller
from kaito.local.schema.patches import apply_merge_patch

T = TypeVar("T", bound=Object)
START = datetime(2026, 1, 1, tzinfo=UTC)
_CONDITIONS = "conditions"


class World:
    """The objects, and the moment."""

    def __init__(self) -> None:
        self.now = START
        self.notes: list[Note] = []
        self._objects: dict[tuple[str, Key], Manifest] = {}
        self._resources: dict[str, Resource[Any]] = {}
        self._numbers = itertools.count(1)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def put(self, resource: Resource[T], manifest: Manifest) -> T:
        """Create an object."""
        number = next(self._numbers)
        meta = {
            "uid": f"uid-{number}",
            "resourceVersion": str(number),
            "generation": 1,
            "creationTimestamp": to_rfc3339(self.now),
            **manifest["metadata"],
        }
        found = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            **manifest,
            "metadata": meta,
        }
        self._resources[str(resource)] = resource
        self._objects[str(resource), _key(found)] = found
        return msgspec.convert(found, resource.type)

    def edit(self, resource: Resource[T], key: Key, patch: Manifest) -> T:
        """Change an object as a user would."""
        self._write(resource, key, patch)
        return self.get(resource, key)

    def delete(self, resource: Resource[Any], key: Key) -> None:
        """Ask for an object's deletion as a user would."""
        uid = self.get(resource, key).metadata.uid
        self._delete(Delete(resource=resource, key=key, uid=uid))

    def get(self, resource: Resource[T], key: Key) -> T:
        return msgspec.convert(self._objects[str(resource), key], resource.type)

    def all(self, resource: Resource[T]) -> tuple[T, ...]:
        return self.reader().list(resource)

    def manifest(self, resource: Resource[Any], key: Key) -> Manifest:
        return self._objects[str(resource), key]

    def remove(self, resource: Resource[Any], key: Key) -> None:
        """Let an object vanish at once."""
        del self._objects[str(resource), key]

    def reader(self) -> FixedReader:
        """What a cache that is up to date would say now."""
        by_resource: dict[str, list[Object]] = {}
        for (name, _), manifest in self._objects.items():
            item = msgspec.convert(manifest, self._resources[name].type)
            by_resource.setdefault(name, []).append(item)
        return FixedReader((self._resources[name], items) for name, items in by_resource.items())

    async def step(
        self, controller: Controller[Any], key: Key, reader: FixedReader | None = None
    ) -> Decision:
        """One pass, on what `reader` says; what came of an outdated reading ends as it would."""
        observed = await controller.observe(reader or self.reader(), key)
        decision = controller.decide(observed, self.now) if observed is not None else Decision()
        with contextlib.suppress(errors.Conflict):
            self.apply(decision)
        return decision

    async def settle(self, controller: Controller[Any], key: Key, *, most: int = 50) -> None:
        """Passes until one decides nothing, with pods doing as they are told in between."""
        for _ in range(most):
            decision = await self.step(controller, key)
            if not (decision.actions or decision.status or self.run_pods()):
                return
        raise AssertionError(f"not settled after {most} passes: {decision}")

    def run_pods(self) -> bool:
        """Be scheduler and kubelet: pods become ready, and go when they are deleted."""
        changed = False
        for pod in self.all(PODS):
            if pod.metadata.is_deleting:
                self.remove(PODS, pod.key)
                changed = True
            elif pod.status.phase == "Pending":
                self.report(pod, "Running", ready=True)
                changed = True
        return changed

    def report(self, pod: Pod, phase: str, *, ready: bool) -> None:
        """Say of a pod how it is."""
        moment = to_rfc3339(self.now)
        condition = {
            "type": "Ready",
            "status": "True" if ready else "False",
            "lastTransitionTime": moment,
        }
        patch = {
            "spec": {"nodeName": "node"},
            "status": {"phase": phase, "podIP": "127.64.0.1", _CONDITIONS: [condition]},
        }
        self._write(PODS, pod.key, patch)

    def apply(self, decision: Decision) -> None:
        """Carry out a decision as the executor and an API server would."""
        for action in decision.actions:
            match action:
                case Create():
                    changed = self._create(action)
                case Patch():
                    changed = self._patch(action)
                case Delete():
                    changed = self._delete(action)
                case _:
                    raise NotImplementedError(str(action))
            if changed and action.note:
                self.notes.append(action.note)
        if decision.status:
            self._write_status(decision.status)
        self.notes += decision.notes

    def _create(self, action: Create) -> bool:
        if action.subresource == "binding":
            key = _key(action.manifest)
            self._write(PODS, key, {"spec": {"nodeName": action.manifest["target"]["name"]}})
            return True
        if (str(action.resource), _key(action.manifest)) in self._objects:
            return False
        self.put(action.resource, action.manifest)
        return True

    def _patch(self, action: Patch) -> bool:
        if (str(action.resource), action.key) not in self._objects:
            return False
        patch = action.patch.body if isinstance(action.patch, Change) else action.patch
        self._write(action.resource, action.key, patch)
        return True

    def _write_status(self, write: StatusWrite) -> None:
        if (str(write.resource), write.key) in self._objects:
            meta = {"resourceVersion": write.resource_version}
            self._write(write.resource, write.key, {"metadata": meta, "status": write.status})

    def _delete(self, action: Delete) -> bool:
        found = self._objects.get((str(action.resource), action.key))
        if found is None or found["metadata"]["uid"] != action.uid:
            return False
        graceful = found.get("spec", {}).get("nodeName") and action.grace_seconds != 0
        if found["metadata"].get("finalizers") or (action.resource == PODS and graceful):
            moment = {"metadata": {"deletionTimestamp": to_rfc3339(self.now)}}
            self._write(action.resource, action.key, moment)
        else:
            self.remove(action.resource, action.key)
        return True

    def _write(self, resource: Resource[Any], key: Key, patch: Manifest) -> None:
        old = self._objects[str(resource), key]
        for field in ("resourceVersion", "uid"):
            expected = patch.get("metadata", {}).get(field)
            if expected and expected != old["metadata"][field]:
                raise errors.Conflict(f"{key}: {field} is {old['metadata'][field]}")
        new = apply_merge_patch(old, patch)
        if new == old:
            return
        generation = old["metadata"]["generation"] + (new.get("spec") != old.get("spec"))
        version = str(next(self._numbers))
        meta = {**new["metadata"], "resourceVersion": version, "generation": generation}
        self._objects[str(resource), key] = {**new, "metadata": meta}
        if meta.get("deletionTimestamp") and not meta.get("finalizers") and resource != PODS:
            self.remove(resource, key)


def _key(manifest: Manifest) -> Key:
    return Key(manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"])
