"""Alibaba's Qwen3, of which KAITO 0.12's catalogue has the 8B in 4 bits (spec section 3.3)."""

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset
from kaito.catalog.quantization import Quantization

PRESETS = (
    Preset(
        name="qwen3-8b-awq",
        hub_id="Qwen/Qwen3-8B-AWQ",
        license="apache-2.0",
        tool_call_parser="hermes",
        reasoning_parser="qwen3",
        kaito=KaitoFigures(size="5.68Gi", bytes_per_token=147_456),
        facts=ModelFacts(
            architecture="Qwen3ForCausalLM",
            weights_bytes=parse_bytes("5.68Gi"),
            context_tokens=40_960,
            cache=(HeadLayers(layers=36, kv_heads=8, key_size=128),),
            layers=36,
            hidden_size=4096,
            attention_heads=32,
            vocabulary=151_936,
            parameters=8_190_735_360,
            quantization=Quantization(method="awq", bits=4),
        ),
    ),
)
