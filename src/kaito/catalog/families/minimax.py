"""MiniMax's M2: full attention, 256 experts.

Shape from transformers' MiniMaxM2Config; size as KAITO 0.12's catalogue adds the weight files up
(spec section 3.3); parameters from slime's scripts/models/minimax-m2.sh and the publisher's figure.
"""

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving
from kaito.catalog.quantization import Quantization

PRESETS = (
    Preset(
        name="minimax-m2.7",
        hub_id="MiniMaxAI/MiniMax-M2.7",
        license="other",
        tool_call_parser="minimax_m2",
        reasoning_parser="minimax_m2_append_think",
        serving=Serving(enable_expert_parallel=True),
        kaito=KaitoFigures(size="214.34Gi", bytes_per_token=253_952),
        facts=ModelFacts(
            architecture="MiniMaxM2ForCausalLM",
            weights_bytes=parse_bytes("214.34Gi"),
            context_tokens=204_800,
            cache=(HeadLayers(layers=62, kv_heads=8, key_size=128),),
            layers=62,
            hidden_size=3072,
            attention_heads=48,
            vocabulary=200_064,
            parameters=229_000_000_000,
            active_parameters=10_000_000_000,
            experts=256,
            experts_per_token=8,
            quantization=Quantization(method="fp8", bits=8),
        ),
    ),
)
