"""IBM's Granite 4.1.

Shape and size from KAITO 0.12's catalogue (spec section 3.3); the vocabulary is the one with which
that shape, with a feed-forward of 12,800 and an output layer of its own, comes to that size.
"""

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset

PRESETS = (
    Preset(
        name="granite-4.1-8b",
        hub_id="ibm-granite/granite-4.1-8b",
        license="apache-2.0",
        tool_call_parser="granite4",
        reasoning_parser="granite",
        kaito=KaitoFigures(size="16.38Gi", bytes_per_token=163_840),
        facts=ModelFacts(
            architecture="GraniteForCausalLM",
            weights_bytes=parse_bytes("16.38Gi"),
            context_tokens=131_072,
            cache=(HeadLayers(layers=40, kv_heads=8, key_size=128),),
            layers=40,
            hidden_size=4096,
            attention_heads=32,
            vocabulary=100_352,
            parameters=8_790_000_000,
        ),
    ),
)
