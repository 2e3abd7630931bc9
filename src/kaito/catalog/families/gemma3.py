"""Google's Gemma 3: five layers slide over 1024 tokens for each one that does not. Gated.

Shapes from the models' config.json (KAITO carries them as overrides, spec section 3.2); sizes as
KAITO 0.12's catalogue adds the weight files up; commits from its supported_models.yaml at 056b8280.
KAITO gives them FunctionGemma's tool parser, whose tokens these models do not have: what they are
asked for in a prompt is a Python call, which `pythonic` reads.
"""

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving

_SERVING = Serving(chat_template="gemma3-pythonic")

PRESETS = (
    Preset(
        name="gemma-3-4b-it",
        hub_id="google/gemma-3-4b-it",
        license="gemma",
        revision="093f9f388b31de276ce2de164bdc2081324b9767",
        is_gated=True,
        aliases=("gemma-3-4b-instruct",),
        tool_call_parser="pythonic",
        serving=_SERVING,
        runtimes=("vllm", "transformers"),
        kaito=KaitoFigures(size="8.01Gi", bytes_per_token=139_264),
        facts=ModelFacts(
            architecture="Gemma3ForConditionalGeneration",
            weights_bytes=parse_bytes("8.01Gi"),
            context_tokens=131_072,
            cache=(
                HeadLayers(layers=29, kv_heads=4, key_size=256, window_tokens=1024),
                HeadLayers(layers=5, kv_heads=4, key_size=256),
            ),
            layers=34,
            hidden_size=2560,
            attention_heads=8,
            vocabulary=262_208,
            parameters=4_300_079_472,
            is_multimodal=True,
        ),
    ),
    Preset(
        name="gemma-3-27b-it",
        hub_id="google/gemma-3-27b-it",
        license="gemma",
        revision="005ad3404e59d6023443cb575daa05336842228a",
        is_gated=True,
        aliases=("gemma-3-27b-instruct",),
        tool_call_parser="pythonic",
        serving=_SERVING,
        runtimes=("vllm", "transformers"),
        kaito=KaitoFigures(size="51.10Gi", bytes_per_token=507_904),
        facts=ModelFacts(
            architecture="Gemma3ForConditionalGeneration",
            weights_bytes=parse_bytes("51.10Gi"),
            context_tokens=131_072,
            cache=(
                HeadLayers(layers=52, kv_heads=16, key_size=128, window_tokens=1024),
                HeadLayers(layers=10, kv_heads=16, key_size=128),
            ),
            layers=62,
            hidden_size=5376,
            attention_heads=32,
            vocabulary=262_208,
            parameters=27_432_406_640,
            is_multimodal=True,
        ),
    ),
)
