"""What room for LoRA adapters costs: the engine sets it aside when it starts, used or not.

For every matrix that takes adapters vLLM 0.32 keeps two stacks, `max_loras x rank x inputs` and
`max_loras x outputs x rank`, in the model's 16 bits (`create_lora_weights` in vllm/lora/layers:
base_linear.py, column_parallel_linear.py, fused_moe.py, vocab_parallel_embedding.py,
logits_processor.py). A packed matrix has one A for each of its parts, so q, k and v have three.

Every matrix has the hidden state on one side. With `s` such sides in a layer, `w` the sum of the
other sides and `r` the rank:

    elements of a layer = r (s h + w / tp)           w = parameters of its matrices / h
    of its experts      = r E (e h + w_e / tp)       e: 3, or 2 where gate and up are one matrix
    of the embeddings   = 2 r (h + vocabulary)       where the architecture lets them be adapted

The running engine's own stacks are 0.96 to 1.00 of it (tests/e2e/test_engine_agreement.py).
Tensor parallelism splits only the other side: A of a column-parallel matrix and B of a row-parallel
one lie whole on every rank. What cannot be told from a model's facts is counted on the high side.
"""

from kaito.catalog.cache_layers import LatentLayers, StateLayers
from kaito.catalog.preset import ModelFacts
from kaito.planner.memory import expert_share, stage_layers
from kaito.planner.plan import Demand, Parallelism

_ELEMENT = 2
_DENSE_SIDES = 7
"""Of q, k, v, the attention's output, gate, up and down."""
_FUSED_SIDES = {"Phi3ForCausalLM": 4}
"""Where the checkpoint itself has q, k and v as one matrix, and gate and up: one A for each."""
_ROUTER_SIDES = 1
_STATE_SIDES = 10
"""Four parts of a state's input, two gates and its output in place of q, k, v and output's four."""
_EXPERT_SIDES = {
    "GptOssForCausalLM": 2,
    "NemotronHForCausalLM": 2,
    "Qwen3_5MoeForConditionalGeneration": 2,
}
"""Gate and up as one matrix (`is_3d_moe_weight`), or no gate (`is_non_gated_moe`)."""
_GATED_SIDES = 3
_LATENT_HEAD = 448
"""Outputs of one head that MLA unpacks from latent vectors: query 192, key and value 256."""
_PLAIN_EMBEDDINGS = frozenset(
    {
        "DeepseekV3ForCausalLM",
        "DeepseekV32ForCausalLM",
        "Gemma3ForConditionalGeneration",
        "Gemma4ForConditionalGeneration",
        "GlmMoeDsaForCausalLM",
        "GptOssForCausalLM",
        "MiniMaxM2ForCausalLM",
        "MistralForCausalLM",
        "MistralLarge3ForCausalLM",
        "Qwen2ForCausalLM",
    }
)
"""Architectures whose `embedding_modules` are empty: their embeddings take no adapters."""
_HIDDEN = 2048
"""Where nothing is known of a model but its weights: small models lose most to adapters."""


def adapter_bytes(
    facts: ModelFacts, spread: Parallelism, demand: Demand, *, experts_on: int = 0
) -> int:
    """Bytes of the stacks on the fullest GPU; 0 where no adapters are demanded.

    `experts_on`: GPUs that share the experts, as in `weights_per_gpu`.
    """
    if not demand.adapter_slots:
        return 0
    elements = _of_layers(facts, spread, experts_on) + _of_embeddings(facts, spread)
    return demand.adapter_slots * demand.adapter_rank * elements * _ELEMENT


def adapter_host_bytes(facts: ModelFacts, demand: Demand) -> int:
    """Main memory for as many adapters: each is kept there too, over all GPUs of a copy.

    Adapters of the layers; such of the embeddings are rare, and no larger than what is left over
    where an adapter's rank is less than the largest.
    """
    elements = _of_layers(facts, Parallelism(), 0)
    return demand.adapter_slots * demand.adapter_rank * elements * _ELEMENT


def _of_layers(facts: ModelFacts, spread: Parallelism, experts_on: int) -> int:
    """Elements for one adapter of rank 1."""
    hidden = facts.hidden_size or _HIDDEN
    if not facts.layers or not facts.parameters:
        elements = facts.weights_bytes * 8 // facts.weight_bits
        return (2 * elements // hidden) // (spread.tensor * spread.pipeline)
    layers = stage_layers(facts, spread.pipeline)
    routed = int(facts.parameters * expert_share(facts))
    body = max(facts.parameters - routed - facts.vocabulary * hidden, 0)
    width = body // facts.layers // hidden + _latent_width(facts)
    found = layers * (_sides(facts) * hidden + width // spread.tensor)
    if facts.experts:
        sides = _EXPERT_SIDES.get(facts.architecture, _GATED_SIDES) * hidden * facts.experts
        inner = routed // facts.layers // hidden
        # Shared out whole over the GPUs of all copies, else each cut over those of one.
        parts = (experts_on, experts_on) if experts_on > 1 else (1, spread.tensor)
        found += layers * (sides // parts[0] + inner // parts[1])
    return found


def _sides(facts: ModelFacts) -> int:
    """Hidden states that the matrices of one layer take or give, as the widest kind has them."""
    has_states = any(isinstance(group, StateLayers) for group in facts.cache)
    dense = _FUSED_SIDES.get(facts.architecture, _DENSE_SIDES)
    sides = _STATE_SIDES if has_states else dense
    return sides + (_ROUTER_SIDES if facts.experts else 0)


def _latent_width(facts: ModelFacts) -> int:
    if not any(isinstance(group, LatentLayers) for group in facts.cache):
        return 0
    return facts.attention_heads * _LATENT_HEAD


def _of_embeddings(facts: ModelFacts, spread: Parallelism) -> int:
    """Both embeddings, whole on every rank; a stage of several has one of them."""
    if facts.architecture in _PLAIN_EMBEDDINGS:
        return 0
    both = 2 if spread.pipeline == 1 else 1
    return both * (facts.hidden_size + facts.vocabulary)
