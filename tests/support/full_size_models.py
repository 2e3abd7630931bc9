"""Catalogued models at full size as config.json alone: shapes without weights.

The configurations are those that tests/unit/catalog checks the catalogue with; what a repository
says beyond them is added here, from the models' published config.json.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kaito.catalog.lookup import find_preset
from kaito.catalog.preset import ModelFacts, Preset

_RECORD = Path(__file__).parent.parent / "unit" / "catalog" / "transformers_configs.json"
_FP8 = {
    "quantization_config": {
        "quant_method": "fp8",
        "activation_scheme": "dynamic",
        "fmt": "e4m3",
        "weight_block_size": [128, 128],
    }
}
_AWQ = {
    "quantization_config": {
        "quant_method": "awq",
        "bits": 4,
        "group_size": 128,
        "zero_point": True,
        "version": "gemm",
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FullSizeModel:
    """A preset and what its configuration says beyond the recorded one."""

    name: str
    kind: str
    architecture: str
    published: dict[str, Any] = field(default_factory=dict)
    """null: the recorded key is not in the published file."""
    cache_dtype: str = ""
    """Other than the preset's own."""
    weights_note: str = ""
    """Why the weights are not those of the catalogue."""

    @property
    def preset(self) -> Preset:
        """The catalogue's."""
        found = find_preset(self.name)
        assert found is not None
        return found

    @property
    def facts(self) -> ModelFacts:
        """The catalogue's."""
        assert self.preset.facts is not None
        return self.preset.facts

    def save(self, folder: Path) -> Path:
        """Write its config.json."""
        recorded = json.loads(_RECORD.read_text())[self.name]
        values = {**recorded, "architectures": [self.architecture], **self.published}
        folder.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in values.items() if value is not None}
        (folder / "config.json").write_text(json.dumps(kept))
        return folder


_ENCODER = "measured without the image encoder"
_SPECULATION = "the files have a layer for speculation, which the engine leaves out"
_BOTH = f"{_ENCODER}; {_SPECULATION}"
_LLAMA = FullSizeModel(
    name="llama-3.1-8b-instruct",
    kind="GQA",
    architecture="LlamaForCausalLM",
    published={"intermediate_size": 14_336},
)
_DEEPSEEK = FullSizeModel(
    name="deepseek-v3-0324",
    kind="MLA, MoE, FP8",
    architecture="DeepseekV3ForCausalLM",
    published={**_FP8, "topk_method": "noaux_tc"},
)
FULL_SIZE_MODELS = (
    FullSizeModel(name="falcon-7b", kind="MQA", architecture="FalconForCausalLM"),
    FullSizeModel(name="falcon-40b", kind="GQA", architecture="FalconForCausalLM"),
    _LLAMA,
    FullSizeModel(
        name="llama-3.1-8b-instruct",
        kind="GQA, 8-bit cache",
        architecture="LlamaForCausalLM",
        published={"intermediate_size": 14_336},
        cache_dtype="fp8",
    ),
    FullSizeModel(
        name="qwen2.5-0.5b-instruct",
        kind="GQA",
        architecture="Qwen2ForCausalLM",
        published={"intermediate_size": 4864, "tie_word_embeddings": True},
    ),
    FullSizeModel(
        name="qwen3-8b-awq",
        kind="GQA, AWQ",
        architecture="Qwen3ForCausalLM",
        published={**_AWQ, "intermediate_size": 12_288},
    ),
    FullSizeModel(
        name="phi-3-mini-4k-instruct",
        kind="MHA, sliding window in every layer",
        architecture="Phi3ForCausalLM",
    ),
    FullSizeModel(
        name="gemma-4-31b-it",
        kind="sliding window, full layers with heads of their own",
        architecture="Gemma4ForCausalLM",
        published={"intermediate_size": 21_504, "hidden_size_per_layer_input": 0},
        weights_note=_ENCODER,
    ),
    FullSizeModel(
        name="gemma-4-e2b-it",
        kind="sliding window, layers that share a cache",
        architecture="Gemma4ForCausalLM",
        weights_note="measured without the encoders of images and sound",
    ),
    FullSizeModel(
        name="gpt-oss-120b",
        kind="sliding window with sinks, MoE, MXFP4",
        architecture="GptOssForCausalLM",
        weights_note="padding depends on the kernels at hand: here Marlin's, the most there is",
    ),
    FullSizeModel(
        name="minimax-m2.7",
        kind="GQA, MoE, FP8",
        architecture="MiniMaxM2ForCausalLM",
        published={**_FP8, "rotary_dim": 64, "scoring_func": "sigmoid", "use_routing_bias": True},
    ),
    _DEEPSEEK,
    FullSizeModel(
        name="deepseek-v3-0324",
        kind="MLA, MoE, FP8, 8-bit cache",
        architecture="DeepseekV3ForCausalLM",
        published=_DEEPSEEK.published,
        cache_dtype="fp8",
    ),
    FullSizeModel(
        name="deepseek-v3.2",
        kind="MLA with an indexer, MoE, FP8",
        architecture="DeepseekV32ForCausalLM",
        published={**_FP8, "topk_method": "noaux_tc"},
    ),
    FullSizeModel(
        name="glm-5.2-fp8",
        kind="MLA with shared indexers, MoE, FP8",
        architecture="GlmMoeDsaForCausalLM",
        published=_FP8,
    ),
    FullSizeModel(
        name="deepseek-v4-flash-0731",
        kind="sequence compressed by 4 and by 128, MoE",
        architecture="DeepseekV4ForCausalLM",
        published={
            **_FP8,
            "compress_ratios": [0, 0, *([4, 128] * 20), 4],
            "num_hash_layers": 3,
            "layer_types": None,
            "mlp_layer_types": None,
        },
        weights_note="how the published files are quantised is not known in full",
    ),
    FullSizeModel(
        name="qwen3.6-27b",
        kind="gated delta net in 3 of 4 layers",
        architecture="Qwen3_5ForCausalLM",
        published={"intermediate_size": 17_408},
        weights_note=_BOTH,
    ),
    FullSizeModel(
        name="qwen3.6-35b-a3b",
        kind="gated delta net in 3 of 4 layers, MoE",
        architecture="Qwen3_5MoeForCausalLM",
        weights_note=_BOTH,
    ),
    FullSizeModel(
        name="nvidia-nemotron-3-nano-30b-a3b-bf16",
        kind="Mamba-2 hybrid, MoE",
        architecture="NemotronHForCausalLM",
        published={
            "intermediate_size": 1856,
            "moe_intermediate_size": 1856,
            "moe_shared_expert_intermediate_size": 3712,
            "n_shared_experts": 1,
        },
    ),
)
