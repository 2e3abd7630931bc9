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

DEFAULT_INSTANCE_TYPE = "Standard_NC24ads_A100_v4"
"""v1alpha1 only, as in KAITO 0.12 (spec section 1.1): its schema fills it in."""
MAX_ADAPTERS = 10

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
    """http(s) addresses of files; for tuning also one `hf://datasets/ORG/NAME@REVISION`."""
    volume_source: VolumeSource | None = None
    """A volume, as in a pod's `volumes[]` entry without the name."""
    image: str = ""
    """An image in a registry."""
    image_pull_secrets: tuple[str, ...] = ()
    """Secrets for pulling the image."""


class DataDestination(Wire):
    """Where results go: a volumeSource, an image, or both."""

    volume_source: VolumeSource | None = None
    """A volume, as in a pod's `volumes[]` entry without the name."""
    image: str = ""
    """An image to push."""
    image_push_secret: str = ""
    """Secret for pushing the image."""


class AdapterSpec(Wire):
    """A LoRA adapter served next to the base model."""

    source: DataSource | None = None
    """Where the adapter comes from: an image, a volumeSource, or one URL hf://ORG/NAME@REVISION."""
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
    adapters: Annotated[
        tuple[AdapterSpec, ...], Meta(extra_json_schema={"maxItems": MAX_ADAPTERS})
    ] = ()
    """LoRA adapters to serve."""


class TuningSpec(Wire):
    """A model to fine-tune."""

    preset: PresetSpec | None = None
    """The model to start from."""
    method: str = ""
    """lora, qlora or full, in any case."""
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


class PlannedMemory(Wire, omit_defaults=False):
    """Where the memory of the fullest GPU goes, in bytes."""

    total: int = 0
    """What the GPU has."""
    usable: int = 0
    """What the engine may take of it."""
    weights: int = 0
    """The model's weights."""
    activations: int = 0
    """Peak of one forward pass."""
    graphs: int = 0
    """Captured CUDA graphs."""
    engine: int = 0
    """Context, kernels and communication buffers."""
    cache: int = 0
    """What is left for the KV cache."""
    adapters: int = 0
    """Room for LoRA adapters; 0: the engine starts without."""


class PlannedPrice(Wire, omit_defaults=False):
    """What an hour costs on demand, and by which list."""

    usd: str = ""
    """US dollars."""
    region: str = ""
    """Region of the price; others differ."""
    as_of: str = ""
    """Date of the list."""


class PlanStatus(Wire, omit_defaults=False):
    """The plan the workspace runs by. Whenever what it is computed from changes, so does it."""

    version: int = 0
    """Of these fields' meaning: 1."""
    inputs_hash: str = ""
    """Hash of model, machine, demand and planner: with another one the plan was computed anew."""
    runtime: str = ""
    """vllm or transformers."""
    instance_type: str = ""
    """Machine it is planned for; empty for this machine."""
    nodes: int = 0
    """Machines of it."""
    gpus_per_node: int = 0
    """GPUs that one pod asks for; 0: none."""
    tensor_parallel_size: int = 0
    """GPUs that share every layer."""
    pipeline_parallel_size: int = 0
    """Groups of GPUs that the layers are spread over."""
    data_parallel_size: int = 0
    """Copies of the model."""
    context_tokens: int = 0
    """Longest sequence that is accepted."""
    concurrency: int = 0
    """Sequences of that length that the cache holds at once."""
    cache_tokens: int = 0
    """Tokens that the cache holds."""
    memory_per_gpu: PlannedMemory | None = None
    """Where the memory of the fullest GPU goes; absent where there is none."""
    memory: int = 0
    """Main memory of one pod, in bytes."""
    disk: int = 0
    """Disk of one node, in bytes."""
    start_up_seconds: int = 0
    """Estimate of the time from `kubectl apply` to the first answer."""
    price_per_hour: PlannedPrice | None = None
    """Of all nodes by a public list; absent where none has them."""
    overrides: tuple[str, ...] = ()
    """Choices of the planner that the user's settings replaced."""
    notes: tuple[str, ...] = ()
    """What to know about it."""
    working: tuple[str, ...] = ()
    """The arithmetic in words."""
    in_cluster: str = ""
    """On one machine: what the plan would be on the instance type that was asked for."""


class StageStatus(Wire):
    """One stage of a start-up."""

    name: str
    """nodes, weights, engine or answer."""
    seconds: int = 0
    """How long it took; absent while it goes on."""
    predicted_seconds: int = 0
    """How long it was expected to take."""


class TransferStatus(Wire):
    """Bytes under way."""

    done: Annotated[int, Meta(extra_json_schema={"format": "int64"})] = 0
    """Bytes that are there."""
    total: Annotated[int, Meta(extra_json_schema={"format": "int64"})] = 0
    """Bytes there will be; absent while that is not known."""
    eta_seconds: int = 0
    """Seconds that are left, as far as can be told."""
    source: str = ""
    """Where they come from."""


class StartUpStatus(Wire):
    """How long the last start took, stage by stage, and how long it was expected to take."""

    predicted_seconds: int = 0
    """Expected from creation to the first answer."""
    seconds: int = 0
    """What it took; absent until it is over."""
    stages: tuple[StageStatus, ...] = ()
    """In their order."""
    weights: TransferStatus | None = None
    """The weights' download while it goes on."""


class AdapterStatus(Wire):
    """One adapter."""

    name: str
    """The model name it is served under."""
    state: str = ""
    """Pending, Fetching, Loading, Ready or Failed."""
    message: str = ""
    """Why it is not ready."""
    digest: str = ""
    """Of the content that is served."""


class GivenBackStatus(Wire):
    """Nodes of a plan that never became whole, and were given back."""

    times: int = 0
    """How often that has happened."""
    at: datetime | None = None
    """When it last did."""
    why: str = ""
    """What was missing then."""


class TuningStatus(Wire):
    """How far a tuning job is."""

    phase: str = ""
    """Waiting, Preflight, Training, Evaluating, Saving, Pushing, Done, Paused or Failed."""
    message: str = ""
    """What it is doing or waits for, or why it failed, in words."""
    step: int = 0
    """Steps that are done."""
    steps: int = 0
    """Steps there will be."""
    epoch: str = ""
    """Passes over the data so far."""
    loss: str = ""
    """Of the last logged step."""
    evaluation: str = ""
    """Loss on held-out samples."""
    learning_rate: str = ""
    """Of the last logged step."""
    tokens_per_second: str = ""
    """Trained, without padding."""
    eta_seconds: int = 0
    """Seconds that are left."""
    checkpoint: str = ""
    """The last that training can go on from."""
    samples: int = 0
    """Samples that are trained on."""
    dropped: int = 0
    """Samples that the preflight left out."""
    restarts: int = 0
    """How often the trainer was started again."""
    result: str = ""
    """Where the adapter went."""


class WorkspaceStatus(Wire):
    """What was observed."""

    state: WorkspaceState | None = None
    """Pending, Ready, NotReady for inference; Pending, Running, Succeeded, Failed for tuning."""
    worker_nodes: tuple[str, ...] = ()
    """Names of the nodes the workspace runs on."""
    target_node_count: int = 0
    """How many nodes the plan needs."""
    plan: PlanStatus | None = None
    """What the model was planned to run on, and with which limits."""
    conditions: tuple[Condition, ...] = ()
    """What holds and what does not, each with its reason."""
    performance: PerformanceStatus | None = None
    """Figures measured on the running server."""
    start_up: StartUpStatus | None = None
    """How long the start took, or takes."""
    adapters: tuple[AdapterStatus, ...] = ()
    """Each adapter of inference.adapters."""
    tuning: TuningStatus | None = None
    """How far a tuning job is."""
    given_back: GivenBackStatus | None = None
    """Nodes that came without the others they were wanted with, and are asked for again later."""


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
ADAPTERS_READY = "AdaptersReady"
JOB_STARTED = "JobStarted"
WORKSPACE_SUCCEEDED = "WorkspaceSucceeded"
WORKSPACE_READY = "WorkspaceReady"
WORKSPACE_DELETING = "WorkspaceDeleting"
MODEL_MIRROR_READY = "ModelMirrorReady"
