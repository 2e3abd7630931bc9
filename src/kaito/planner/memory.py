"""Where the memory of one GPU goes: weights, activations, CUDA graphs, the engine itself.

Weights are exact but for what a split leaves on every rank. The other three are what vLLM measures
in its own profile run (gpu_worker.py, `determine_available_memory`), estimated from the model's
shape on the high side: an engine that finds less room than planned does not start.
"""

from dataclasses import dataclass

from kaito.base.quantity import GIB, MIB
from kaito.catalog.cache_layers import HeadLayers, LatentLayers
from kaito.catalog.preset import ModelFacts
from kaito.planner.engine_defaults import Batching
from kaito.planner.plan import Parallelism

_ELEMENT = 2
"""Activations, embeddings, norms and routers stay at 16 bits whatever the weights are."""
_PADDED = {"mxfp4": (1.085, 1.13)}
"""What kernels round up, on one rank and on each of several: gpt-oss's 2880 channels become 3072,
and each rank's part of them again a multiple (measured with Marlin's kernels of vLLM 0.32)."""
_ALLOCATOR = 1.01
"""The allocator rounds every tensor up."""
_PLAIN_OUTPUTS = 14
"""Outputs of a layer's matrices in hidden sizes, where the parameters are not known."""
_STREAMS = 4
"""Copies of the hidden state alive at once: residual, input, output and a kernel's own."""
_SAMPLER_BYTES = 16
"""A logit's bytes in the sampler: 16 bits, gathered again with TP, 32 bits, probability, noise."""
_ENCODER_BYTES = 256 * 1024
"""Of an image encoder for each token of its output: 4 to 16 patches of some 5000 channels."""
_ENCODER_LEAST = GIB
_DECOMPRESSED_TOKENS = 65_536
"""Latent entries that MLA's prefill unpacks at once (layers/attention/mla_attention.py)."""
_DECOMPRESSED_SIZE = 256
"""Elements of one head of those: key and value without the rotary part."""
_GRAPH_LAYER_BYTES = 200 * 1024
"""Of one layer in one graph: 86 graphs of Qwen3.5's 32 layers take 0.73 GiB (vllm#39559)."""
_GRAPH_POOL_BYTES = 192 * MIB
_ENGINE_BYTES = 640 * MIB
"""Kernels, cuBLAS's workspaces and the attention backend's of 394 MiB."""
_PEER_BYTES = 384 * MIB
"""All-reduce's own buffers; NCCL's are taken before the engine looks."""
_MARGIN = 100
"""One part of so many of a GPU's memory stays free: too long a context stops the engine's start."""
_LATENT_PROJECTIONS = 4
"""Width of MLA's down-projections, which every rank holds, in widths of the latent vector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSplit:
    """How the weights of one copy lie on its fullest GPU."""

    sharded: int
    replicated: int

    @property
    def total(self) -> int:
        """Both together."""
        return self.sharded + self.replicated


def weights_per_gpu(facts: ModelFacts, spread: Parallelism, *, experts_on: int = 0) -> WeightSplit:
    """Weights on the fullest GPU of that spread.

    Tensor parallelism splits all matrices, the pipeline splits layers, and its fullest stage has
    an embedding beside them. `experts_on`: GPUs that share the experts, where it is more than one
    copy's: data parallelism over a mixture of experts.
    """
    whole = int(facts.weights_bytes * _padding(facts, spread.tensor) * _ALLOCATOR)
    if spread.tensor * spread.pipeline == 1 and experts_on <= 1:
        return WeightSplit(sharded=whole, replicated=0)
    on_all = min(_replicated_bytes(facts, spread.tensor), whole) if spread.tensor > 1 else 0
    embedding = min(facts.vocabulary * facts.hidden_size * _ELEMENT, whole - on_all)
    experts = int((whole - on_all - embedding) * expert_share(facts)) if experts_on else 0
    body = whole - on_all - embedding - experts
    stage = stage_layers(facts, spread.pipeline) / max(facts.layers, 1)
    if not facts.layers:
        stage = 1 / spread.pipeline
    split = (body * stage + embedding) / spread.tensor
    if experts:
        split += experts * stage * spread.pipeline / max(experts_on, spread.gpus)
    return WeightSplit(sharded=int(split) + 1, replicated=int(on_all * stage))


def stage_layers(facts: ModelFacts, pipeline: int) -> int:
    """Layers of the fullest stage."""
    return -(-facts.layers // pipeline)


def expert_share(facts: ModelFacts) -> float:
    """The share of the parameters that is in routed experts; 0 where it cannot be told."""
    if not facts.experts or facts.active_parameters >= facts.parameters:
        return 0.0
    idle = 1 - facts.experts_per_token / facts.experts
    return min((facts.parameters - facts.active_parameters) / idle / facts.parameters, 1.0)


def _padding(facts: ModelFacts, ranks: int) -> float:
    method = facts.quantization.method if facts.quantization else ""
    alone, split = _PADDED.get(method, (1.0, 1.0))
    return split if ranks > 1 else alone


def _replicated_bytes(facts: ModelFacts, ranks: int) -> int:
    """Weights that tensor parallelism leaves whole on each of the ranks, over all layers."""
    elements = facts.layers * 4 * facts.hidden_size
    elements += facts.layers * facts.experts * facts.hidden_size * 2
    for group in facts.cache:
        if isinstance(group, LatentLayers):
            width = group.width or group.packed_bytes
            elements += group.layers * facts.hidden_size * width * _LATENT_PROJECTIONS
        elif isinstance(group, HeadLayers) and ranks > group.kv_heads:
            size = group.key_size + (group.value_size or group.key_size)
            # Each rank holds one head; what is more than an even share of all heads is extra.
            extra = size * (ranks - group.kv_heads)
            elements += group.layers * facts.hidden_size * extra // (ranks - 1)
    return elements * max(facts.weight_bits, 8) // 8


def layer_outputs(facts: ModelFacts) -> int:
    """Elements that all matrices of one layer put out for one token."""
    if not facts.active_parameters or not facts.layers or not facts.hidden_size:
        return _PLAIN_OUTPUTS * max(facts.hidden_size, 1024)
    body = facts.active_parameters - facts.vocabulary * facts.hidden_size
    return max(body // facts.layers // facts.hidden_size, 4 * facts.hidden_size)


def token_activation_bytes(facts: ModelFacts, ranks: int) -> int:
    """Activations of one token at a layer's widest."""
    copies = _STREAMS + facts.experts_per_token
    return (copies * facts.hidden_size + layer_outputs(facts) // ranks) * _ELEMENT


def activation_bytes(facts: ModelFacts, batching: Batching, ranks: int) -> int:
    """Peak of one pass: the widest layer, the sampler's logits or an encoder, whichever is most."""
    tokens = batching.max_batched_tokens
    hidden = tokens * facts.hidden_size * _ELEMENT
    forward = tokens * token_activation_bytes(facts, ranks)
    sampler = hidden + batching.max_sequences * facts.vocabulary * _SAMPLER_BYTES
    latent = any(isinstance(group, LatentLayers) for group in facts.cache)
    if latent:
        heads = -(-facts.attention_heads // ranks)
        forward += _DECOMPRESSED_TOKENS * heads * _DECOMPRESSED_SIZE * _ELEMENT
    if not facts.is_multimodal:
        return max(forward, sampler)
    encoder = max(_ENCODER_LEAST, tokens * _ENCODER_BYTES)
    return max(encoder, max(forward, sampler) + hidden)


def graph_bytes(facts: ModelFacts, batching: Batching, pipeline: int) -> int:
    """Captured CUDA graphs of one stage."""
    if not batching.graphs:
        return 0
    layers = stage_layers(facts, pipeline)
    return _GRAPH_POOL_BYTES + batching.graphs * max(layers * _GRAPH_LAYER_BYTES, MIB)


def engine_bytes(spread: Parallelism, total_bytes: int) -> int:
    """What the engine takes beside all that, and what these estimates may fall short by."""
    peers = _PEER_BYTES if spread.gpus > 1 else 0
    return _ENGINE_BYTES + peers + total_bytes // _MARGIN
