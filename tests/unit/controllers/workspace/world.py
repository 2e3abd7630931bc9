"""What an API server would hold for the Workspace controller, and a hand that plays the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from kaito.api import conditions, labels
from kaito.api.core import (
    CONFIGMAPS,
    JOBS,
    NODES,
    PODS,
    SERVICES,
    STATEFULSETS,
    STORAGE_CLASSES,
)
from kaito.api.meta import Key, Manifest, Object
from kaito.api.modelmirror import MODELMIRRORS
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.nodepool import NODEPOOLS
from kaito.api.report import REPORTS
from kaito.api.resources import Resource
from kaito.api.workspace import WORKSPACES
from kaito.base.quantity import GIB
from kaito.controllers.workspace.decide import decide
from kaito.controllers.workspace.observed import Observed, observe
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.kube.cache import FixedReader
from kaito.kube.controller.decision import Apply, Create, Decision, Delete, Patch
from kaito.planner.gpu import plan_on_gpus
from kaito.planner.machine import Machine, plan_on_machine
from kaito.planner.plan import Plan, PlanRequest, Refusal
from kaito.provision.claims import NodeClaims
from kaito.provision.existing import ExistingNodes
from kaito.provision.karpenter import KarpenterPools
from kaito.provision.port import NodeClass
from kaito.render.settings import RenderSettings

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
KEY = Key("default", "w")
READY: dict[str, Any] = {"conditions": [{"type": "Ready", "status": "True"}]}
KINDS: tuple[Resource[Any], ...] = (
    *(WORKSPACES, NODECLAIMS, NODES, STATEFULSETS, SERVICES, PODS, CONFIGMAPS),
    *(STORAGE_CLASSES, NODEPOOLS, JOBS, MODELMIRRORS, REPORTS),
)
MACHINE = Machine(name="laptop", cpus=8, memory_bytes=24 * GIB)


def _plan(request: PlanRequest) -> Plan | Refusal:
    return plan_on_machine(request, MACHINE)


SETTINGS = WorkspaceSettings(
    render=RenderSettings(serving_image="example.com/serving:1"),
    provisioner=NodeClaims(
        node_class=NodeClass(group="kaito.sh", kind="KaitoNodeClass"), uses_existing=False
    ),
    preview=plan_on_gpus,
    planner=_plan,
    facts_at_hand=lambda _: None,
)


def workspace(**fields: Any) -> Manifest:
    meta = {
        "name": "w",
        "namespace": "default",
        "uid": "u1",
        "resourceVersion": "7",
        "generation": 1,
        "finalizers": [labels.WORKSPACE_FINALIZER],
    }
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {**meta, **fields.pop("metadata", {})},
        "resource": {
            "instanceType": "Standard_NC6s_v3",
            "labelSelector": {"matchLabels": {"apps": "w"}},
        },
        **(fields or {"inference": {"preset": {"name": "smollm2-135m-instruct"}}}),
    }


IN_CLUSTER = WorkspaceSettings(
    render=RenderSettings(serving_image="example.com/serving:1"),
    provisioner=SETTINGS.provisioner,
    planner=plan_on_gpus,
    facts_at_hand=lambda _: None,
)
"""Nodes are made by claims, and planned for by their instance type."""
ON_EXISTING = WorkspaceSettings(
    render=RenderSettings(serving_image="example.com/serving:1"),
    provisioner=ExistingNodes(),
    planner=plan_on_gpus,
    makes=(),
    facts_at_hand=lambda _: None,
)

ON_POOLS = WorkspaceSettings(
    render=RenderSettings(serving_image="example.com/serving:1"),
    provisioner=KarpenterPools(
        node_class=NodeClass(group="karpenter.azure.com", kind="AKSNodeClass"), uses_existing=False
    ),
    planner=plan_on_gpus,
    makes=(NODEPOOLS, NODECLAIMS),
    facts_at_hand=lambda _: None,
)


@dataclass
class World:
    """What an API server would hold; `carry_out` plays the executor and the rest of the cluster."""

    settings: WorkspaceSettings = SETTINGS
    objects: dict[tuple[str, Key], Manifest] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)
    """Of what was carried out, as `Reason: message`."""

    def put(self, resource: Resource[Any], manifest: Manifest) -> None:
        meta = manifest["metadata"]
        self.objects[(str(resource), Key(meta.get("namespace", ""), meta["name"]))] = manifest

    def observe(self) -> Observed:
        contents: list[tuple[Resource[Object], list[Object]]] = []
        for resource in KINDS:
            found = [m for (name, _), m in self.objects.items() if name == str(resource)]
            contents.append((resource, [msgspec.convert(m, resource.type) for m in found]))
        observed = observe(FixedReader(contents), KEY, self.settings)
        assert observed is not None
        return observed

    def decide(self) -> Decision:
        return decide(self.observe(), self.settings, NOW)

    def carry_out(self, decision: Decision) -> None:
        for action in decision.actions:
            match action:
                case Create() | Apply():
                    self.put(action.resource, action.manifest)
                case Delete():
                    self.objects.pop((str(action.resource), action.key))
                case Patch():
                    assert isinstance(action.patch, Mapping)
                    self._merge((str(action.resource), action.key), dict(action.patch))
        if decision.status:
            live = self.objects[(str(WORKSPACES), KEY)]
            live["status"] = _merged(live.get("status") or {}, decision.status.status)
        notes = (*(action.note for action in decision.actions), *decision.notes)
        self.events += [f"{note.reason}: {note.message}" for note in notes if note]

    def _merge(self, where: tuple[str, Key], patch: Manifest) -> None:
        live = _merged(self.objects[where], patch)
        if live["metadata"].get("deletionTimestamp") and not live["metadata"].get("finalizers"):
            del self.objects[where]
        else:
            self.objects[where] = live

    def claim(self) -> Manifest:
        return next(m for (name, _), m in self.objects.items() if name == str(NODECLAIMS))

    def launch(self) -> None:
        """Every claim gets a ready node with eight GPUs: n1, n2, ..."""
        types = ("Launched", "Registered", "Initialized", "Ready")
        found = [m for (name, _), m in self.objects.items() if name == str(NODECLAIMS)]
        for number, claim in enumerate(found, start=1):
            done = [{"type": type_, "status": "True"} for type_ in types]
            claim["status"] = {"nodeName": f"n{number}", "conditions": done}
            status = {**READY, "allocatable": {labels.NVIDIA_GPU: "8"}}
            self.put(NODES, {"metadata": {"name": f"n{number}"}, "status": status})

    def start_pod(self, **status: Any) -> None:
        self.objects[(str(STATEFULSETS), KEY)]["status"] = {"updatedReplicas": 1}
        meta = {"name": "w-0", "namespace": "default", "labels": {labels.WORKSPACE: "w"}}
        self.put(PODS, {"metadata": meta, "status": status})

    @property
    def ready(self) -> tuple[str, str, str]:
        found = conditions.find(self.observe().workspace.status.conditions, "WorkspaceReady")
        assert found is not None
        return found.status, found.reason, found.message


def _merged(old: Manifest, patch: Manifest) -> Manifest:
    """What an API server makes of a merge patch."""
    found = dict(old)
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif isinstance(value, Mapping):
            found[name] = _merged(found.get(name) or {}, dict(value))
        else:
            found[name] = value
    return found


def settled(world: World) -> World:
    """Carry decisions out until nothing is left to do; fails when that never happens."""
    for _ in range(6):
        decision = world.decide()
        if not decision.actions and decision.status is None:
            return world
        world.carry_out(decision)
    raise AssertionError(f"never settles: {world.decide()}")


def new_world(settings: WorkspaceSettings = SETTINGS, **fields: Any) -> World:
    world = World(settings)
    world.put(WORKSPACES, workspace(**fields))
    return world
