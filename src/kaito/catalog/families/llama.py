"""Meta's Llama 3. Gated: the hub wants an accepted licence and a token.

Shapes from the models' config.json; sizes as KAITO 0.12's catalogue adds the weight files up (spec
section 3.3); commits from KAITO's supported_models.yaml at 056b8280.
"""

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset

PRESETS = (
    Preset(
        name="llama-3.1-8b-instruct",
        hub_id="meta-llama/Llama-3.1-8B-Instruct",
        license="llama3.1",
        revision="0e9e39f249a16976918f6564b8830bc894c89659",
        is_gated=True,
        tool_call_parser="llama3_json",
        runtimes=("vllm", "transformers"),
        kaito=KaitoFigures(size="14.96Gi", bytes_per_token=131_072),
        facts=ModelFacts(
            architecture="LlamaForCausalLM",
            weights_bytes=parse_bytes("14.96Gi"),
            context_tokens=131_072,
            cache=(HeadLayers(layers=32, kv_heads=8, key_size=128),),
            layers=32,
            hidden_size=4096,
            attention_heads=32,
            vocabulary=128_256,
            parameters=8_030_261_248,
        ),
    ),
    Preset(
        name="llama-3.3-70b-instruct",
        hub_id="meta-llama/Llama-3.3-70B-Instruct",
        license="llama3.3",
        revision="6f6073b423013f6a7d4d9f39144961bfbfbc386b",
        is_gated=True,
        tool_call_parser="llama3_json",
        runtimes=("vllm", "transformers"),
        kaito=KaitoFigures(size="131.42Gi", bytes_per_token=327_680),
        facts=ModelFacts(
            architecture="LlamaForCausalLM",
            weights_bytes=parse_bytes("131.42Gi"),
            context_tokens=131_072,
            cache=(HeadLayers(layers=80, kv_heads=8, key_size=128),),
            layers=80,
            hidden_size=8192,
            attention_heads=64,
            vocabulary=128_256,
            parameters=70_553_706_496,
        ),
    ),
)
