"""The InferenceSet kind, kaito.sh/v1alpha1 and v1beta1: several Workspaces that serve one model.

Field meanings follow KAITO 0.12. Both versions have the same fields: conversion is None, and what
one version lacked would be lost by writing through it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta

from kaito.api import labels
from kaito.api.meta import Condition, Manifest, Object, ObjectMeta, Wire
from kaito.api.resources import Resource
from kaito.api.selectors import LabelSelector
from kaito.api.workspace import (
    WORKSPACES,
    GpuPartition,
    InferenceSpec,
    PerformanceStatus,
    ResourceSpec,
    Workspace,
)

Count: TypeAlias = Annotated[int, Meta(ge=0, extra_json_schema={"format": "int32"})]
TemplateMetadata: TypeAlias = Annotated[
    Manifest, Meta(extra_json_schema={"x-kubernetes-preserve-unknown-fields": True})
]
UpdateStrategy: TypeAlias = Annotated[
    Manifest,
    Meta(
        extra_json_schema={
            "x-kubernetes-preserve-unknown-fields": True,
            "default": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        }
    ),
]


class ReplicaResource(Wire):
    """Which nodes one replica runs on, besides what `spec.labelSelector` says."""

    instance_type: str = ""
    """Machine type of the nodes to make, as the cloud names it, e.g. Standard_NC24ads_A100_v4."""
    partition: GpuPartition | None = None
    """Use a part of a node's GPUs."""


class InferenceSetTemplate(Wire):
    """What every replica is made from."""

    inference: InferenceSpec
    """The server that every replica runs."""
    metadata: TemplateMetadata = {}
    """Labels and annotations of every replica."""
    resource: ReplicaResource = ReplicaResource()
    """Which nodes one replica runs on."""


class MaintenanceWindow(Wire):
    """When upgrades may begin."""

    schedule: str
    """When the window opens: five cron fields in UTC, such as `0 2 * * 6`."""
    duration: str = "4h"
    """How long it stays open, such as `4h` or `1h30m`."""


class AutoUpgradePolicy(Wire):
    """How replicas get a new base image."""

    enabled: bool = False
    """Upgrade without being asked."""
    strategy: Literal["InPlace", "Surge"] = "InPlace"
    """`InPlace` replaces one replica after another, `Surge` adds one before it takes one away."""
    maintenance_window: MaintenanceWindow | None = None
    """When upgrades may begin; at any time when absent."""


class InferenceSetSpec(Wire):
    """How many Workspaces of which kind are wanted."""

    label_selector: LabelSelector
    """Labels of the nodes. Nodes that are made for a replica get its matchLabels."""
    template: InferenceSetTemplate
    """What every replica is made from."""
    replicas: Count = 1
    """How many Workspaces serve the model."""
    node_count_limit: Count = 0
    """The most nodes that all replicas together may use; 0 for no limit."""
    update_strategy: UpdateStrategy | None = None
    """How replicas follow a changed template, as in a StatefulSet."""
    auto_upgrade: AutoUpgradePolicy | None = None
    """How replicas get a new base image."""


class AutoUpgradeStatus(Wire):
    """How far upgrades have come."""

    num_drifted_workspaces: int | None = None
    """Replicas that do not run the newest base image."""
    last_successful_upgrade_time: datetime | None = None
    """When the last replica was upgraded."""


class InferenceSetStatus(Wire):
    """What was observed."""

    replicas: int = 0
    """Workspaces there are."""
    ready_replicas: int = 0
    """Workspaces that serve."""
    selector: str = ""
    """Selects the Workspaces, for autoscalers."""
    conditions: tuple[Condition, ...] = ()
    """What holds and what does not, each with its reason."""
    performance: PerformanceStatus | None = None
    """Figures measured on all replicas together."""
    auto_upgrade: AutoUpgradeStatus | None = None
    """How far upgrades have come."""


class InferenceSet(Object):
    """Several Workspaces that serve one model."""

    spec: InferenceSetSpec | None = None
    """How many Workspaces of which kind are wanted."""
    status: InferenceSetStatus = InferenceSetStatus()
    """What was observed."""


def to_replica(meta: ObjectMeta, spec: InferenceSetSpec) -> Workspace:
    """A Workspace as the set would make it, under the set's own name."""
    template = spec.template
    return Workspace(
        api_version=WORKSPACES.api_version,
        kind=WORKSPACES.kind,
        metadata=ObjectMeta(
            name=meta.name,
            namespace=meta.namespace,
            labels=_texts(template.metadata.get("labels")),
            annotations=_texts(template.metadata.get("annotations")),
        ),
        resource=ResourceSpec(
            label_selector=spec.label_selector,
            instance_type=template.resource.instance_type,
            partition=template.resource.partition,
        ),
        inference=template.inference,
    )


def _texts(found: Any) -> dict[str, str]:
    """The entries that are text; template metadata has no schema, so it may hold anything."""
    if not isinstance(found, Mapping):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


INFERENCESETS = Resource(
    group=labels.GROUP,
    version="v1beta1",
    plural="inferencesets",
    kind="InferenceSet",
    type=InferenceSet,
)

INFERENCE_SET_READY = "InferenceSetReady"
