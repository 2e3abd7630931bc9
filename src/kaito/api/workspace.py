"""The Workspace kind, kaito.sh/v1alpha1 and v1beta1. Its fields sit at the object's root.

Field meanings follow KAITO 0.12. The docstring under a field is its description in the CRD, in
`kubectl explain` and in the reference. `Annotated[..., Meta(...)]` carries schema rules.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from kaito.api import labels
from kaito.api.meta import Condition, Manifest, Object, Wire
from kaito.api.resources import Resource
from kaito.api.selectors import LabelSelector

PodTemplateManifest: TypeAlias = Annotated[
    Manifest, Meta(extra_json_schema={"x-kubernetes-preserve-unknown-fields": True})
]
VolumeSource: TypeAlias = Annotated[
    Manifest, Meta(extra_json_schema={"x-kubernetes-preserve-unknown-fields": True})
]


class GpuPartition(Wire):
    """A slice of a node's GPUs; only on nodes that exist already."""

    mode: Literal["mig", "accelerator"]
    """`mig` for one MIG slice, `accelerator` for whole GPUs of a larger node."""
    profile: str = ""
    """MIG profile such as `1g.10gb`; only with mode mig."""
    count: Annotated[int, Meta(ge=1)] | None = None
    """Whole GPUs; only with mode accelerator."""


class ResourceSpec(Wire):
    """Which nodes the workspace runs on."""

    label_selector: LabelSelector
    """Labels of the nodes. Nodes that are made for the workspace get its matchLabels."""
    instance_type: str = ""
    """Machine type of the nodes to make, as the cloud names it, e.g. Standard_NC24ads_A100_v4."""
    count: Annotated[int, Meta(extra_json_schema={"default": 1})] | None = None
    """Deprecated: the number of nodes is planned from the model."""
    preferred_nodes: tuple[str, ...] = ()
    """Deprecated and without effect."""
    partition: GpuPartition | None = None
    """Use a part of a node's GPUs."""


class PresetOptions(Wire):
    """What else a preset may need."""

    image: str = ""
    """Deprecated: image that holds the model's weights."""
    image_pull_secrets: tuple[str, ...] = ()
    """Deprecated: Secrets for pulling that image."""
    model_access_secret: str = ""
    """Secret whose key HF_TOKEN opens a gated model on the hub."""


class PresetSpec(Wire):
    """A model that kaito knows how to run."""

    name: str
    """Name in the catalogue, an alias of one, or any `org/model` of the hub."""
    access_mode: Literal["public", "private"] = "public"
    """Deprecated."""
    preset_options: PresetOptions = PresetOptions()
    """Secrets and overrides."""


class DataSource(Wire):
    """Where data or an adapter comes from; exactly one of urls, volumeSource, image."""

    name: str = ""
    """Name of the data; for an adapter also the model name it is served under."""
    urls: tuple[str, ...] = ()
    """http(s) addresses of files."""
    volume_source: VolumeSource = {}
    """A volume, as in a pod's `volumes[]` entry without the name."""
    image: str = ""
    """An image in a registry."""
    image_pull_secrets: tuple[str, ...] = ()
    """Secrets for pulling the image."""


class DataDestination(Wire):
    """Where results go; exactly one of volumeSource, image."""

    volume_source: VolumeSource = {}
    """A volume, as in a pod's `volumes[]` entry without the name."""
    image: str = ""
    """An image to push."""
    image_push_secret: str = ""
    """Secret for pushing the image."""


class AdapterSpec(Wire):
    """A LoRA adapter served next to the base model."""

    source: DataSource | None = None
    """Where the adapter comes from; image or volumeSource."""
    strength: str | None = None
    """Weight of the adapter between 0 and 1; 1.0 when absent."""


class InferenceSpec(Wire):
    """A server to run; exactly one of preset, template."""

    preset: PresetSpec | None = None
    """A model that kaito knows how to run."""
    template: PodTemplateManifest | None = None
    """A pod template of your own."""
    config: str = ""
    """ConfigMap whose key inference_config.yaml sets engine arguments."""
    adapters: Annotated[tuple[AdapterSpec, ...], Meta(max_length=10)] = ()
    """LoRA adapters to serve."""


class TuningSpec(Wire):
    """A model to fine-tune."""

    preset: PresetSpec | None = None
    """The model to start from."""
    method: str = ""
    """lora or qlora."""
    config: str = ""
    """ConfigMap whose key training_config.yaml sets training arguments."""
    input: DataSource | None = None
    """The training data."""
    output: DataDestination | None = None
    """Where the adapter goes."""


class PerformanceMetric(Wire):
    """One measured figure."""

    description: str
    """What was measured."""
    value: str
    """The figure."""
    unit: str = ""
    """Its unit."""
    config: dict[str, str] = {}
    """How it was measured."""


class PerformanceStatus(Wire):
    """Figures measured on the running server."""

    metrics: dict[str, PerformanceMetric] = {}
    """Figures by name."""


WorkspaceState: TypeAlias = Literal[
    "Pending", "Ready", "NotReady", "Running", "Succeeded", "Failed"
]


class WorkspaceStatus(Wire):
    """What was observed."""

    state: WorkspaceState | None = None
    """Pending, Ready, NotReady for inference; Pending, Running, Succeeded, Failed for tuning."""
    worker_nodes: tuple[str, ...] = ()
    """Names of the nodes the workspace runs on."""
    target_node_count: int = 0
    """How many nodes the plan needs."""
    conditions: tuple[Condition, ...] = ()
    """What holds and what does not, each with its reason."""
    performance: PerformanceStatus | None = None
    """Figures measured on the running server."""


class Workspace(Object):
    """A model to serve or to fine-tune, and the nodes to do it on."""

    resource: ResourceSpec | None = None
    """Which nodes the workspace runs on."""
    inference: InferenceSpec | None = None
    """A server to run; either this or tuning."""
    tuning: TuningSpec | None = None
    """A model to fine-tune; either this or inference."""
    status: WorkspaceStatus = WorkspaceStatus()
    """What was observed."""

    @property
    def runtime(self) -> str:
        """The serving runtime its annotation asks for, `vllm` unless said otherwise."""
        return self.metadata.annotations.get(labels.RUNTIME, "vllm")

    @property
    def preset_name(self) -> str:
        """The model of inference or tuning; empty for a template."""
        for spec in (self.inference, self.tuning):
            if spec is not None and spec.preset is not None:
                return spec.preset.name
        return ""

    @property
    def created_at(self) -> datetime | None:
        """When it was created."""
        return self.metadata.creation_timestamp


WORKSPACES = Resource(
    group=labels.GROUP, version="v1beta1", plural="workspaces", kind="Workspace", type=Workspace
)

# --- condition types: KAITO 0.12's, and WorkspaceReady of the releases before -------------------
NODE_CLAIM_READY = "NodeClaimReady"
NODES_READY = "NodesReady"
RESOURCE_READY = "ResourceReady"
INFERENCE_READY = "InferenceReady"
JOB_STARTED = "JobStarted"
WORKSPACE_SUCCEEDED = "WorkspaceSucceeded"
WORKSPACE_READY = "WorkspaceReady"
WORKSPACE_DELETING = "WorkspaceDeleting"
