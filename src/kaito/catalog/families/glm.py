"""Zhipu's GLM 5.2: latent attention over the tokens that an indexer picks.

21 of 78 layers carry an indexer, the others reuse its choice (`index_topk_freq` 4, offset 3). Shape
from transformers' GlmMoeDsaConfig and slime's scripts/models/glm5.2-744B-A40B.sh; bytes of an entry
from vLLM (656 in 8 bits, 132 for the indexer's key); size as vLLM 0.32 loads
it, without the layer for speculation (docs/reference/engine-agreement.md).
"""

from kaito.catalog.cache_layers import LatentLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving
from kaito.catalog.quantization import Quantization

PRESETS = (
    Preset(
        name="glm-5.2-fp8",
        hub_id="zai-org/GLM-5.2-FP8",
        license="mit",
        tool_call_parser="glm47",
        reasoning_parser="glm45",
        serving=Serving(kv_cache_dtype="fp8", uses_deep_gemm=True),
        kaito=KaitoFigures(size="703.75Gi", bytes_per_token=89_856),
        facts=ModelFacts(
            architecture="GlmMoeDsaForCausalLM",
            weights_bytes=745_600_952_448,
            context_tokens=1_048_576,
            cache=(
                LatentLayers(layers=78, width=512 + 64, packed_bytes=656),
                LatentLayers(layers=21, packed_bytes=132),
            ),
            layers=78,
            hidden_size=6144,
            attention_heads=64,
            vocabulary=154_880,
            parameters=744_000_000_000,
            active_parameters=40_000_000_000,
            experts=256,
            experts_per_token=8,
            quantization=Quantization(method="fp8", bits=8),
        ),
    ),
)
