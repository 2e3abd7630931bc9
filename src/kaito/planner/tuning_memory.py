"""What fine-tuning a model takes, term by term: weights, what is trained, activations, the rest.

    weights      16 bits an element; qlora: NF4 with double quantization for all but the embeddings
    trained      16 bytes a trained element: it in 16 and 32 bits, its gradient, Adam's two moments
                 (https://arxiv.org/abs/1910.02054, section 3.1)
    activations  what a layer keeps for the way back, or with checkpointing only its input
                 (https://arxiv.org/abs/2205.05198, sections 4 and 5; attention keeps no matrix)
    logits       of 256 tokens at a time, for the trainer computes the loss in pieces
    gathered     of weights that GPUs share: two layers, and the embeddings, are whole while needed
                 (https://arxiv.org/abs/2304.11277, section 3.3); their gradients, where all train

Figures are meant to be on the high side: a job that runs out of memory has lost its time.
"""

from dataclasses import dataclass
from typing import Literal

from kaito.base.quantity import MIB, format_gib
from kaito.catalog.preset import ModelFacts
from kaito.planner.memory import layer_outputs

Method = Literal["lora", "qlora", "full"]

_NF4_BITS = 4.127
"""Of an element: 4 and its share of the scales (https://arxiv.org/abs/2305.14314, section 3)."""
_TRAINED_BYTES = 16
_MATRICES_IN = 6
"""Matrices of a layer whose input is as wide as the hidden state; the seventh's is wider."""
_KEPT_STREAMS = 8
"""Of the hidden state, in each layer: norms' inputs and outputs, residuals, attention's output."""
_KEPT_OUTPUTS = {2: 1.5, 4: 2.0}
"""Times that what a layer's matrices put out is kept, by the bytes of an element: a GPU's kernels
compute again what a processor's keep."""
_CHECKPOINT_BYTES = 12
"""Of a trained element in a checkpoint: it and Adam's two moments in 32 bits
(https://arxiv.org/abs/1910.02054, section 3.1)."""
_CHECKPOINTS = 3
"""On the disk at most: the trainer keeps two, and drops the older once the next is whole. The
result, of 4 bytes an element, is written when there are two."""
_LOGIT_TOKENS = 256
_LOGIT_BYTES = 12
"""In 32 bits: the logits, their loss and its gradient."""
_GPU_BYTES = 1280 * MIB
"""Context, kernels, workspaces of one GPU."""
_CPU_BYTES = 660 * MIB
"""Python, torch and the libraries; measured with transformers 5.19 and TRL 1.16."""
_SPARE = 1.2
"""On a processor; more than the trainer's own, which refuses what it takes for more than this."""
_WHOLE_LAYERS = {2: 1, 4: 5}
"""With checkpointing, by the bytes of an element: one layer is computed again, with its gradients
and what a processor's allocator does not give back."""
_ALLOCATOR = 1.1
"""The allocator of a GPU keeps what does not fit together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningDemand:
    """What a job's settings ask for; a zero leaves it to us."""

    method: Method = "lora"
    rank: int = 0
    batch: int = 0
    """Samples of one step on one device."""
    sequence_tokens: int = 0
    checkpointing: bool | None = None
    """Whether activations are computed again on the way back; None: where memory asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningShare:
    """Where the memory of one device goes, in bytes."""

    weights: int
    trained: int
    activations: int
    engine: int
    gathered: int = 0
    """Other GPUs' weights; nothing where each has a copy."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.weights + self.trained + self.activations + self.engine + self.gathered

    def in_words(self) -> str:
        """`weights 7.1 GiB + adapter, gradients and optimizer 0.3 GiB + ...`."""
        gathered = f" + gathered layers {format_gib(self.gathered)}" if self.gathered else ""
        return (
            f"weights {format_gib(self.weights)} + trained elements with gradients and optimizer "
            f"{format_gib(self.trained)} + activations {format_gib(self.activations)} + libraries "
            f"{format_gib(self.engine)}{gathered}"
        )


def share_on_gpu(
    facts: ModelFacts, demand: TuningDemand, *, shards: int, checkpointing: bool
) -> TuningShare:
    """One of `shards` GPUs that split the model; each has an adapter, and a batch, of its own."""
    return TuningShare(
        weights=int(weights_bytes(facts, demand.method) * _ALLOCATOR) // shards,
        trained=int(_trained_bytes(facts, demand) * _ALLOCATOR)
        // (shards if demand.method == "full" else 1),
        activations=int(
            _activation_bytes(facts, demand, 2, checkpointing=checkpointing) * _ALLOCATOR
        ),
        engine=_GPU_BYTES,
        gathered=_gathered_bytes(facts, demand) if shards > 1 else 0,
    )


def share_on_machine(
    facts: ModelFacts, demand: TuningDemand, *, checkpointing: bool
) -> TuningShare:
    """A machine without a GPU: processors compute in 32 bits."""
    weights = weights_bytes(facts, demand.method)
    if demand.method == "lora" and facts.weight_bits >= 16:
        weights *= 2
    elif demand.method == "qlora" and facts.weight_bits >= 16:
        weights += _embedding_bytes(facts)
    activations = _activation_bytes(facts, demand, 4, checkpointing=checkpointing)
    return TuningShare(
        weights=int(weights * _SPARE),
        trained=int(_trained_bytes(facts, demand) * _SPARE),
        activations=int(activations * _SPARE),
        engine=_CPU_BYTES,
    )


def weights_bytes(facts: ModelFacts, method: Method) -> int:
    """The base model as it lies in memory; a checkpoint in few bits stays as it is."""
    if method != "qlora" or facts.weight_bits < 16:
        return facts.weights_bytes
    whole = _embedding_bytes(facts)
    return int(whole + (facts.weights_bytes - whole) * _NF4_BITS / 16)


def _embedding_bytes(facts: ModelFacts) -> int:
    """Input and output embeddings, in 16 bits."""
    return min(2 * facts.vocabulary * facts.hidden_size * 2, facts.weights_bytes)


def _gathered_bytes(facts: ModelFacts, demand: TuningDemand) -> int:
    """What of the shared weights a GPU has whole at a time: this layer, and the next one's."""
    whole = _embedding_bytes(facts)
    layer = (facts.weights_bytes - whole) // max(facts.layers, 1)
    weights = whole + 2 * layer
    return int((2 * weights if demand.method == "full" else weights) * _ALLOCATOR)


def checkpoint_bytes(facts: ModelFacts, demand: TuningDemand) -> int:
    """What one process gathers for a checkpoint of a model that GPUs share; adapters are small."""
    return _elements(facts) * _CHECKPOINT_BYTES if demand.method == "full" else 0


def results_bytes(facts: ModelFacts, demand: TuningDemand) -> int:
    """Disk that checkpoints and the result take at most."""
    trained = _elements(facts)
    if demand.method != "full":
        trained = adapter_parameters(facts, demand.rank)
    return _CHECKPOINTS * _CHECKPOINT_BYTES * trained


def adapter_parameters(facts: ModelFacts, rank: int) -> int:
    """Elements of an adapter on all linear layers: rank times inputs and outputs of each."""
    outputs = layer_outputs(facts)
    widths = _MATRICES_IN * facts.hidden_size + outputs // 3 + outputs
    return max(facts.layers, 1) * rank * widths


def _trained_bytes(facts: ModelFacts, demand: TuningDemand) -> int:
    if demand.method != "full":
        return adapter_parameters(facts, demand.rank) * _TRAINED_BYTES
    # The 16-bit copy is counted as the weights.
    return _elements(facts) * (_TRAINED_BYTES - 2)


def _elements(facts: ModelFacts) -> int:
    return facts.parameters or facts.weights_bytes * 8 // facts.weight_bits


def _activation_bytes(
    facts: ModelFacts, demand: TuningDemand, element: int, *, checkpointing: bool
) -> int:
    hidden = max(facts.hidden_size, 1024 if not facts.hidden_size else 1)
    outputs = int(layer_outputs(facts) * _KEPT_OUTPUTS[element])
    layer = (_KEPT_STREAMS * hidden + outputs) * element
    layers = max(facts.layers, 1)
    kept = layers * layer
    if checkpointing:
        kept = layers * hidden * element + _WHOLE_LAYERS[element] * layer
    tokens = demand.batch * demand.sequence_tokens
    return tokens * kept + min(tokens, _LOGIT_TOKENS) * facts.vocabulary * _LOGIT_BYTES
