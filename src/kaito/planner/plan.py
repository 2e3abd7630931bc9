"""What is asked of a planner, and what it answers. Values only.

A plan carries its own arithmetic: `share` term by term, `working` in words, `overrides` for what
the user set against the planner's choice, `notes` for what a user should know before paying.
"""

from dataclasses import dataclass, field

from kaito.catalog.instance_type import InstanceType, Price
from kaito.catalog.preset import ModelFacts, Preset, RuntimeName

INSUFFICIENT_MEMORY = "InsufficientMemory"
"""Reason of a refusal: the model does not fit; `Refusal.fits` says what it would fit on."""
INVALID_DEMAND = "InvalidDemand"
"""Reason of a refusal: what is asked contradicts itself, the model or the machine."""
UNSUPPORTED_ACCELERATOR = "UnsupportedAccelerator"
"""Reason of a refusal: no runtime of ours uses that accelerator for that model."""
GPU_RESOURCE = "nvidia.com/gpu"
"""What a pod asks for a whole GPU, or for a slice under the single MIG strategy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What the user asks for beyond the model; a zero or an empty text leaves it to the planner."""

    context_tokens: int = 0
    """Longest sequence to accept (vLLM's max-model-len)."""
    concurrency: int = 0
    """Sequences of that length to hold at once."""
    runtime: str = ""
    """`vllm` or `transformers`."""
    tensor_parallel: int = 0
    pipeline_parallel: int = 0
    data_parallel: int = 0
    gpu_memory_utilization: float = 0.0
    """Share of a GPU's memory that the engine may take, 0 to 1."""
    kv_cache_dtype: str = ""
    """`auto`, `bfloat16`, `fp8`, ... as the engine spells it."""
    max_sequences: int = 0
    """vLLM's max-num-seqs."""
    max_batched_tokens: int = 0
    """vLLM's max-num-batched-tokens."""
    enforce_eager: bool = False
    """No CUDA graphs."""
    adapter_slots: int = 0
    """LoRA adapters that one batch may mix (vLLM's max-loras); 0: started without LoRA."""
    adapter_rank: int = 0
    """The largest rank of one (max-lora-rank); 0 only without slots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """One model, one kind of machine, one demand."""

    preset: Preset
    facts: ModelFacts
    """Of the weights at hand where there are some, else the catalogue's."""
    instance: InstanceType | None = None
    """None: the planner searches, or plans for the machine it was made for."""
    demand: Demand = field(default_factory=Demand)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallelism:
    """Over how many GPUs one copy of the model is spread, and how many copies there are."""

    tensor: int = 1
    pipeline: int = 1
    data: int = 1

    @property
    def gpus(self) -> int:
        """GPUs of all copies together."""
        return self.tensor * self.pipeline * self.data


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryShare:
    """Where the memory of the fullest GPU goes, in bytes."""

    total: int
    """What its driver reports."""
    usable: int
    """What the engine may take of it."""
    weights: int
    activations: int
    """Peak of one forward pass, logits and sampling included."""
    graphs: int
    """Captured CUDA graphs."""
    engine: int
    """Context, kernels, communication buffers: what is neither of the others."""
    cache: int
    """What is left for the KV cache: `usable` less all the others."""
    adapters: int = 0
    """Room for LoRA adapters, set aside at start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUp:
    """An estimate of the seconds from `kubectl apply` to the first answer, stage by stage."""

    node: int
    """Until a new machine has joined; 0 where it is there already."""
    image: int
    weights: int
    """Until they are on the node."""
    load: int
    """From the disk into the GPUs."""
    engine: int
    """Import, compilation, graph capture, the first request."""

    @property
    def total(self) -> int:
        """All stages, none at the same time as another."""
        return self.node + self.image + self.weights + self.load + self.engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run a model on and with which limits."""

    runtime: RuntimeName = "vllm"
    instance: InstanceType | None = None
    """None: a machine without a GPU."""
    nodes: int = 1
    gpus_per_node: int = 0
    """GPUs that one pod asks for; a node may have more."""
    gpu_resource: str = GPU_RESOURCE
    """Under which name it asks; `nvidia.com/mig-1g.10gb` for a slice of that size."""
    parallelism: Parallelism = Parallelism()
    memory_bytes: int
    """Main memory a pod needs."""
    kv_cache_bytes: int
    """Key-value cache of one GPU; of the whole server where there is none."""
    context_tokens: int
    """Longest sequence that will be accepted."""
    cache_tokens: int = 0
    """Tokens that the cache of all copies holds, as the engine counts them at that context."""
    concurrency: int = 0
    """Sequences of that context that fit into the cache of all copies at once."""
    disk_bytes: int = 0
    """Disk one node needs: weights, image, room to work."""
    gpu_memory_utilization: float = 0.0
    """What the engine is told; 0: nothing."""
    max_sequences: int = 0
    max_batched_tokens: int = 0
    graphs: int = 0
    """CUDA graphs that are captured at start."""
    share: MemoryShare | None = None
    """None: a machine without a GPU."""
    start_up: StartUp | None = None
    overrides: tuple[str, ...] = ()
    """One line for each choice of the planner that the user's demand replaced."""
    notes: tuple[str, ...] = ()
    """What to know before starting it, one line each."""
    working: tuple[str, ...]
    """The arithmetic in words, one line a term."""

    @property
    def price(self) -> Price | None:
        """Of one node an hour, where a public list has it."""
        return self.instance.price if self.instance else None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a model cannot run as asked."""

    reason: str
    message: str
    """One line: what is short, by how much, what to do."""
    fits: tuple[str, ...] = ()
    """Instance types that would do, the cheapest first; the first few are in the message too."""
