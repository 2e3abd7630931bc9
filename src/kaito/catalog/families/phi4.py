"""Microsoft's Phi-4.

Shapes from the models' config.json; sizes as KAITO 0.12's catalogue adds the weight files up (spec
section 3.3); commits from KAITO's supported_models.yaml at 056b8280.
"""

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving

PRESETS = (
    Preset(
        name="phi-4-mini-instruct",
        hub_id="microsoft/Phi-4-mini-instruct",
        license="mit",
        revision="c0fb9e74abda11b496b7907a9c6c9009a7a0488f",
        # KAITO's prefix is `phi4-mini` and never matches: its server offers no tools.
        tool_call_parser="phi4_mini_json",
        serving=Serving(chat_template="phi4-mini"),
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        kaito=KaitoFigures(size="7.15Gi", bytes_per_token=131_072),
        facts=ModelFacts(
            architecture="Phi3ForCausalLM",
            weights_bytes=parse_bytes("7.15Gi"),
            context_tokens=131_072,
            cache=(HeadLayers(layers=32, kv_heads=8, key_size=128),),
            layers=32,
            hidden_size=3072,
            attention_heads=24,
            vocabulary=200_064,
            parameters=3_836_021_760,
        ),
    ),
    Preset(
        name="phi-4",
        hub_id="microsoft/phi-4",
        license="mit",
        revision="187ef0342fff0eb3333be9f00389385e95ef0b61",
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        kaito=KaitoFigures(size="27.31Gi", bytes_per_token=204_800),
        facts=ModelFacts(
            architecture="Phi3ForCausalLM",
            weights_bytes=parse_bytes("27.31Gi"),
            context_tokens=16_384,
            cache=(HeadLayers(layers=40, kv_heads=10, key_size=128),),
            layers=40,
            hidden_size=5120,
            attention_heads=40,
            vocabulary=100_352,
            parameters=14_659_507_200,
        ),
    ),
)
