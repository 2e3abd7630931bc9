"""What an API server would hold for the ModelMirror controller, and a hand that plays the rest."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from kaito.api import conditions, labels
from kaito.api.core import JOBS, PODS
from kaito.api.meta import Condition, Key, Manifest, Object
from kaito.api.modelmirror import MIRROR_READY, MODELMIRRORS, ModelMirror
from kaito.api.report import REPORTS
from kaito.api.resources import Resource
from kaito.base.clock import to_rfc3339
from kaito.controllers.modelmirror.decide import MirrorSettings, decide
from kaito.controllers.modelmirror.observed import observe
from kaito.controllers.modelmirror.volumes import CLAIMS, CLASSES
from kaito.kube.cache import FixedReader
from kaito.kube.controller.decision import Create, Decision, Delete
from kaito.render.settings import RenderSettings

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SETTINGS = MirrorSettings(render=RenderSettings(serving_image="example.com/serving:1"))
KEY = Key("", "phi")
KINDS: tuple[Resource[Any], ...] = (MODELMIRRORS, CLAIMS, CLASSES, JOBS, PODS, REPORTS)


def at(seconds: float) -> str:
    return to_rfc3339(NOW + timedelta(seconds=seconds))


def mirror(**spec: Any) -> Manifest:
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "ModelMirror",
        "metadata": {"name": "phi", "uid": "m1", "resourceVersion": "1", "generation": 1},
        "spec": {
            "mode": "Managed",
            "source": {"registry": "huggingface", "modelID": "org/phi"},
            "storage": {"size": "20Gi", "storageClassName": "files"},
            "jobNamespace": "models",
            **spec,
        },
    }


@dataclass
class MirrorWorld:
    """One mirror; time passes only when a test says so."""

    settings: MirrorSettings = SETTINGS
    objects: dict[tuple[str, Key], Manifest] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def put(self, resource: Resource[Any], manifest: Manifest) -> Manifest:
        meta = manifest["metadata"]
        self.objects[(str(resource), Key(meta.get("namespace", ""), meta["name"]))] = manifest
        return manifest

    def all(self, resource: Resource[Any]) -> list[Manifest]:
        return [m for (name, _), m in self.objects.items() if name == str(resource)]

    def reader(self) -> FixedReader:
        """What there is, as a controller's caches have it."""
        contents: list[tuple[Resource[Object], list[Object]]] = [
            (kind, [msgspec.convert(m, kind.type) for m in self.all(kind)]) for kind in KINDS
        ]
        return FixedReader(contents)

    def decide(self) -> Decision:
        default = self.settings.storage_class
        observed = observe(self.reader(), KEY, default_class=default)
        assert observed is not None
        return decide(observed, self.settings, NOW + timedelta(seconds=self.seconds))

    def settle(self, seconds: float | None = None) -> Decision:
        """Carry decisions out until nothing is left to do at that moment; the last decision."""
        self.seconds = self.seconds if seconds is None else seconds
        for _ in range(6):
            decision = self.decide()
            if not decision.actions and decision.status is None:
                return decision
            self._carry_out(decision)
        raise AssertionError(f"never settles: {self.decide()}")

    def _carry_out(self, decision: Decision) -> None:
        for action in decision.actions:
            match action:
                case Create():
                    made = self.put(action.resource, action.manifest)
                    made["metadata"] |= {
                        "uid": made["metadata"]["name"],
                        "creationTimestamp": at(self.seconds),
                    }
                case Delete():
                    del self.objects[(str(action.resource), action.key)]
                case _:
                    raise AssertionError(f"unexpected {action}")
        if decision.status:
            live = self.objects[(str(MODELMIRRORS), KEY)]
            status = {**live.get("status", {}), **decision.status.status}
            live["status"] = {k: v for k, v in status.items() if v is not None}
        self.events += [f"{note.reason}: {note.message}" for note in decision.notes]

    def bind(self) -> None:
        """The volume is there."""
        self.all(CLAIMS)[0]["status"] = {"phase": "Bound"}

    def run_pod(self, **status: Any) -> None:
        """The download's pod, in whatever state."""
        job = self.all(JOBS)[-1]
        owner = {"apiVersion": "batch/v1", "kind": "Job", "controller": True}
        meta = {
            "name": "d-1",
            "namespace": "models",
            "uid": "p1",
            "labels": {labels.MODEL_MIRROR_NAME: "phi"},
            "ownerReferences": [
                {**owner, "name": job["metadata"]["name"], "uid": job["metadata"]["uid"]}
            ],
        }
        self.put(PODS, {"metadata": meta, "status": status})

    def report(self, **stage: Any) -> None:
        """What the download's pod says."""
        meta = {"name": "d-1", "namespace": "models", "uid": "p1"}
        stages = [{"name": "download"} | stage]
        self.put(REPORTS, {"metadata": meta, "program": "weights", "stages": stages})

    def end_job(self, how: str) -> None:
        """`Complete` or `Failed`, now."""
        found = {"type": how, "status": "True", "lastTransitionTime": at(self.seconds)}
        self.all(JOBS)[-1]["status"] = {"conditions": [found]}

    @property
    def mirror(self) -> ModelMirror:
        return msgspec.convert(self.objects[(str(MODELMIRRORS), KEY)], ModelMirror)

    @property
    def ready(self) -> Condition:
        found = conditions.find(self.mirror.status.conditions, MIRROR_READY)
        assert found is not None
        return found


def new_world(*, provisioner: str = "file.csi.azure.com", **spec: Any) -> MirrorWorld:
    world = MirrorWorld()
    world.put(MODELMIRRORS, mirror(**spec))
    world.put(CLASSES, {"metadata": {"name": "files"}, "provisioner": provisioner})
    return world


def filled_world(**spec: Any) -> MirrorWorld:
    """One whose download has ended well after a minute."""
    world = new_world(**spec)
    world.settle(0)
    world.bind()
    world.settle(60)
    world.end_job("Complete")
    world.settle(60)
    return world
