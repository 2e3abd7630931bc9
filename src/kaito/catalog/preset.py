"""What a preset is: a model's facts, how it is served, and what KAITO 0.12 said of it.

Values only. The literals are in `families`; `config` reads the same facts from a model's own files.
"""

from dataclasses import dataclass
from typing import Literal

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import CacheLayers, token_bytes
from kaito.catalog.quantization import Quantization

LoadFormat = Literal["auto", "mistral"]
RuntimeName = Literal["vllm", "transformers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What a plan needs to know about a model."""

    architecture: str
    """Class name in the model's config.json, e.g. LlamaForCausalLM."""
    weights_bytes: int
    """Size of the weights as they are loaded."""
    kv_bytes_per_token: int = 0
    """Cache of one token over all layers at 16 bits an element on one rank, windows not counted.

    Exact for full attention, the upper figure where layers slide; states are not in it. Left out,
    it is taken from `cache`.
    """
    context_tokens: int
    """Longest sequence the model was made for."""
    cache: tuple[CacheLayers, ...] = ()
    """The layers' caches in groups of like layers; empty: only the figure a token is known."""
    layers: int = 0
    """Hidden layers of all kinds; what pipeline parallelism splits. 0: unknown."""
    hidden_size: int = 0
    attention_heads: int = 0
    """Query heads: tensor parallelism has to divide them. 0: unknown."""
    vocabulary: int = 0
    """Entries of the vocabulary; logits of one token take this many elements."""
    parameters: int = 0
    """All of them, as the publisher counts, often rounded, or from the weights. 0: unknown."""
    active_parameters: int = 0
    """Those that one token goes through. Left out, all of them."""
    experts: int = 0
    """Routed experts of one mixture-of-experts layer; 0: the model is dense."""
    experts_per_token: int = 0
    quantization: Quantization | None = None
    """None: 16 bits an element."""
    is_multimodal: bool = False
    """Whether it takes more than text: an encoder's activations come on top."""

    def __post_init__(self) -> None:
        if not self.kv_bytes_per_token and self.cache:
            object.__setattr__(self, "kv_bytes_per_token", token_bytes(self.cache))
        if not self.active_parameters:
            object.__setattr__(self, "active_parameters", self.parameters)

    @property
    def cache_element_bytes(self) -> int:
        """Bytes of a cache element when the user asks for nothing else."""
        return self.quantization.cache_bits // 8 if self.quantization else 2

    def can_split(self, ranks: int) -> bool:
        """Whether tensor parallelism over that many ranks is possible.

        vLLM wants the query heads divided, and key-value heads divided or each held by as many
        ranks; recurrent heads have to divide too.
        """
        if self.attention_heads % ranks:
            return False
        return all(group.can_split(ranks) for group in self.cache)

    @property
    def weight_bits(self) -> int:
        """Bits of most of the weights' elements."""
        return self.quantization.bits if self.quantization else 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What the engine has to be told about a model; the defaults tell it nothing."""

    load_format: LoadFormat = "auto"
    """`mistral`: config, tokenizer and weights in Mistral's own format."""
    tokenizer_mode: str = "auto"
    chat_template: str = ""
    """Name of a template that replaces the tokenizer's own, where that shows no tools: a file of
    kaito/runtimes/serving/templates."""
    kv_cache_dtype: str = "auto"
    gdn_prefill_backend: str = ""
    """vLLM's kernel for gated delta nets; empty: the engine chooses."""
    enable_expert_parallel: bool = False
    flashinfer_autotune: bool = True
    uses_deep_gemm: bool = False
    can_offload_cache: bool = True
    """Whether cache can be moved to main memory: not with vLLM's hybrid cache manager."""
    trust_remote_code: bool = False
    """Whether the repository's own Python has to run; never without need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KaitoFigures:
    """What KAITO 0.12's catalogue says, right or wrong (spec section 3.3): for `--compat` only."""

    size: str
    """Its file sizes' sum as a quantity, e.g. `7.12Gi`; some files are counted twice."""
    bytes_per_token: int
    """2 x layers x elements: every layer as full attention at 16 bits (spec section 3.2)."""

    @property
    def size_bytes(self) -> int:
        """The size as KAITO's estimator takes it."""
        return parse_bytes(self.size)

    @property
    def disk_gib(self) -> int:
        """Disk it asks of a node, in GiB: the size and 80, cut to a whole number."""
        return int(float(self.size.removesuffix("Gi")) + 80)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A model that can be named in `preset.name`."""

    name: str
    """Our name: lower case, without the organisation."""
    hub_id: str
    """`org/model` on the hub."""
    facts: ModelFacts | None
    """None for a model outside the catalogue whose files have not been read."""
    license: str = "unknown"
    """SPDX id, or the licence's own name."""
    revision: str = "main"
    """Commit or branch on the hub."""
    is_gated: bool = False
    """Whether the hub wants an accepted licence and a token."""
    aliases: tuple[str, ...] = ()
    """Other names for it."""
    package: str = ""
    """A Python distribution that ships the weights: `DIST==VERSION#FILE`."""
    tool_call_parser: str = ""
    """vLLM's parser for the model's tool calls; empty when it makes none."""
    reasoning_parser: str = ""
    """vLLM's parser for the model's reasoning; empty when it has none."""
    serving: Serving = Serving()
    runtimes: tuple[RuntimeName, ...] = ("vllm",)
    """Runtimes that can serve it, the default first."""
    is_tunable: bool = False
    """Whether it can be named in `tuning.preset`."""
    kaito: KaitoFigures | None = None
    """None for a model that KAITO 0.12's catalogue does not have."""
    note: str = ""
    """What a user of the model should know before choosing it."""

    @property
    def cache_element_bytes(self) -> int:
        """Bytes of a cache element when the user asks for nothing else."""
        if self.serving.kv_cache_dtype.startswith("fp8"):
            return 1
        return self.facts.cache_element_bytes if self.facts else 2
