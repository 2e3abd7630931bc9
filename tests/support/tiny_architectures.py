"""One tiny model of each kind of attention: the real architecture, random weights, bytes for words.

Sizes are chosen for the engine's CPU kernels (heads of 32 or 64 elements, hidden states of whole
cache lines) and so that kinds keep the proportions of the real ones: layers of a window to full
ones, states larger than pages, latent vectors of 512 + 64.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

CONTEXT_TOKENS = 4096
_VOCABULARY = 512
_COMMON: dict[str, Any] = {
    "vocab_size": _VOCABULARY,
    "hidden_size": 256,
    "max_position_embeddings": CONTEXT_TOKENS,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "dtype": "bfloat16",
}
_DENSE = {"intermediate_size": 512, "num_attention_heads": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyModel:
    """How to make one: transformers' config class and what differs from its defaults."""

    name: str
    kind: str
    """What is special about its cache, as the table says it."""
    config: str
    options: dict[str, Any] = field(default_factory=dict)
    published: dict[str, Any] = field(default_factory=dict)
    """What the real config.json says otherwise than transformers'; null: not at all."""
    runs_on_cpu: bool = True
    """Whether the engine's CPU build serves it."""
    cache_dtype: str = "auto"
    """As the catalogue serves models of the kind."""
    load_format: str = "auto"
    weights_note: str = ""
    """Why the weights cannot be compared."""

    def save(self, folder: Path) -> Path:
        """Write config.json, model.safetensors and a tokenizer; the same bytes every time."""
        torch.manual_seed(0)
        config_class = getattr(transformers, self.config)
        config = config_class(**{**_COMMON, **self.options})
        model_class: Callable[..., Any] = transformers.AutoModelForCausalLM.from_config
        model_class(config, dtype=torch.bfloat16).save_pretrained(folder)
        _make_tokenizer().save_pretrained(folder)
        if self.published:
            file = folder / "config.json"
            values = {**json.loads(file.read_text()), **self.published}
            file.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))
        return folder


def _make_tokenizer() -> Any:
    """A word for each byte, after the three special ones."""
    words = {"<pad>": 0, "<s>": 1, "</s>": 2}
    for letter in sorted(pre_tokenizers.ByteLevel.alphabet()):
        words[letter] = len(words)
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )


_SPARSE = {"num_attention_heads": 4, "num_key_value_heads": 2, "moe_intermediate_size": 128}
_LATENT = {
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "kv_lora_rank": 512,
    "q_lora_rank": 128,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "intermediate_size": 512,
    "moe_intermediate_size": 128,
    "n_routed_experts": 8,
    "num_experts_per_tok": 2,
    "n_group": 2,
    "topk_group": 1,
    "n_shared_experts": 1,
    "first_k_dense_replace": 1,
    # The real repositories say so; without it the engine has no place for a bias.
    "topk_method": "noaux_tc",
}
_RATIOS = [0, 0, 4, 128, 4, 128]
_MAMBA_2 = {
    **_DENSE,
    "num_hidden_layers": 14,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "mamba_num_heads": 8,
    "mamba_head_dim": 64,
    "ssm_state_size": 128,
    "n_groups": 2,
}
TINY_MODELS = (
    TinyModel(
        name="tiny-mha",
        kind="MHA",
        config="LlamaConfig",
        options={**_DENSE, "num_hidden_layers": 4, "num_key_value_heads": 4},
    ),
    TinyModel(
        name="tiny-gqa",
        kind="GQA",
        config="Qwen2Config",
        options={
            **_DENSE,
            "num_hidden_layers": 4,
            "num_key_value_heads": 2,
            "tie_word_embeddings": True,
        },
    ),
    TinyModel(
        name="tiny-mqa",
        kind="MQA",
        config="FalconConfig",
        options={
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "multi_query": True,
            "parallel_attn": True,
            "bias": False,
        },
    ),
    TinyModel(
        name="tiny-window",
        kind="sliding window in every layer",
        config="Phi3Config",
        options={
            **_DENSE,
            "num_hidden_layers": 4,
            "num_key_value_heads": 4,
            "sliding_window": 511,
            "original_max_position_embeddings": CONTEXT_TOKENS,
        },
    ),
    TinyModel(
        name="tiny-window-5-1",
        kind="sliding window, 5 of 6 layers",
        config="Gemma3TextConfig",
        options={
            **_DENSE,
            "num_hidden_layers": 14,
            "num_key_value_heads": 2,
            "head_dim": 64,
            "sliding_window": 512,
        },
    ),
    TinyModel(
        name="tiny-window-two-shapes",
        kind="sliding window, full layers with heads of their own",
        config="Gemma4TextConfig",
        options={
            **_DENSE,
            "num_hidden_layers": 12,
            "num_key_value_heads": 4,
            "num_global_key_value_heads": 1,
            "head_dim": 64,
            "global_head_dim": 128,
            "attention_k_eq_v": True,
            "sliding_window": 512,
            "hidden_size_per_layer_input": 0,
        },
    ),
    TinyModel(
        name="tiny-shared-layers",
        kind="sliding window, layers that share a cache",
        config="Gemma4TextConfig",
        options={
            **_DENSE,
            "num_hidden_layers": 15,
            "num_key_value_heads": 1,
            "head_dim": 64,
            "global_head_dim": 128,
            "attention_k_eq_v": False,
            "sliding_window": 512,
            "num_kv_shared_layers": 5,
            "hidden_size_per_layer_input": 64,
            "vocab_size_per_layer_input": _VOCABULARY,
        },
    ),
    TinyModel(
        name="tiny-sinks",
        kind="sliding window with sinks, MoE",
        config="GptOssConfig",
        options={
            "num_hidden_layers": 6,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
            "head_dim": 64,
            "intermediate_size": 256,
            "num_local_experts": 4,
            "num_experts_per_tok": 2,
            "sliding_window": 128,
        },
    ),
    TinyModel(
        name="tiny-moe",
        kind="MoE",
        config="Qwen3MoeConfig",
        options={
            **_SPARSE,
            "num_hidden_layers": 4,
            "head_dim": 64,
            "intermediate_size": 512,
            "num_experts": 8,
            "num_experts_per_tok": 2,
        },
    ),
    TinyModel(name="tiny-mla", kind="MLA, MoE", config="DeepseekV3Config", options=_LATENT),
    TinyModel(
        name="tiny-mla-indexer",
        kind="MLA with an indexer, MoE",
        config="DeepseekV32Config",
        options={**_LATENT, "index_head_dim": 128, "index_n_heads": 4, "index_topk": 128},
        runs_on_cpu=False,
    ),
    TinyModel(
        name="tiny-compressed",
        kind="sequence compressed by 4 and by 128, MoE",
        config="DeepseekV4Config",
        options={
            "num_hidden_layers": 6,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "head_dim": 512,
            "q_lora_rank": 128,
            "o_lora_rank": 64,
            "o_groups": 2,
            "moe_intermediate_size": 128,
            "n_routed_experts": 8,
            "num_experts_per_tok": 2,
            "n_shared_experts": 1,
            "index_head_dim": 128,
            "index_n_heads": 4,
            "index_topk": 128,
            "sliding_window": 128,
            "compress_ratios": _RATIOS,
        },
        published={
            "compress_ratios": _RATIOS,
            "layer_types": None,
            "mlp_layer_types": None,
            "num_hash_layers": 3,
        },
        runs_on_cpu=False,
        cache_dtype="fp8",
        # The engine looks for the publisher's names of tensors; transformers writes its own.
        load_format="dummy",
        weights_note="some tensors stay at 32 bits, as a published checkpoint has them",
    ),
    TinyModel(
        name="tiny-gated-delta",
        kind="gated delta net in 3 of 4 layers, MoE",
        config="Qwen3NextConfig",
        options={
            **_SPARSE,
            "num_hidden_layers": 8,
            "head_dim": 64,
            "linear_num_key_heads": 4,
            "linear_num_value_heads": 8,
            "linear_key_head_dim": 64,
            "linear_value_head_dim": 64,
            "intermediate_size": 512,
            "shared_expert_intermediate_size": 128,
            "num_experts": 8,
            "num_experts_per_tok": 2,
        },
    ),
    TinyModel(
        name="tiny-mamba-2",
        kind="Mamba-2 hybrid",
        config="NemotronHConfig",
        options={**_MAMBA_2, "hybrid_override_pattern": "M-M*-M-M-M*-M-"},
    ),
    TinyModel(
        name="tiny-mamba-2-moe",
        kind="Mamba-2 hybrid, MoE",
        config="NemotronHConfig",
        options={
            **_MAMBA_2,
            "hybrid_override_pattern": "MEM*EMEMEM*EME",
            "moe_intermediate_size": 128,
            "moe_shared_expert_intermediate_size": 128,
            "n_routed_experts": 8,
            "num_experts_per_tok": 2,
            "n_group": 1,
            "topk_group": 1,
        },
        runs_on_cpu=False,
    ),
)
