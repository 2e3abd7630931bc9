"""Mistral AI's Ministral 3: small models that see, in 8 bits.

Shapes from params.json; sizes as KAITO 0.12's catalogue adds the consolidated files up (spec
section 3.3); commits from KAITO's supported_models.yaml at 056b8280. KAITO gives them no tool
parser; they call tools in Mistral's format like their siblings.
"""

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving
from kaito.catalog.quantization import Quantization


def _facts(size: str, layers: int, hidden_size: int, parameters: int) -> ModelFacts:
    return ModelFacts(
        architecture="Mistral3ForConditionalGeneration",
        weights_bytes=parse_bytes(size),
        context_tokens=262_144,
        cache=(HeadLayers(layers=layers, kv_heads=8, key_size=128),),
        layers=layers,
        hidden_size=hidden_size,
        attention_heads=32,
        vocabulary=131_072,
        parameters=parameters,
        quantization=Quantization(method="fp8", bits=8),
        is_multimodal=True,
    )


def _preset(size: str, hub_id: str, revision: str, facts: ModelFacts) -> Preset:
    name = hub_id.partition("/")[2].lower()
    return Preset(
        name=name,
        hub_id=hub_id,
        license="apache-2.0",
        revision=revision,
        aliases=(name.removesuffix("-2512"),),
        tool_call_parser="mistral",
        serving=Serving(load_format="mistral", tokenizer_mode="mistral"),
        kaito=KaitoFigures(size=size, bytes_per_token=facts.kv_bytes_per_token),
        facts=facts,
    )


PRESETS = (
    _preset(
        "4.35Gi",
        "mistralai/Ministral-3-3B-Instruct-2512",
        "83e15808ff6a115f18ff8e68123db3ab35035714",
        _facts("4.35Gi", 26, 3072, 3_800_000_000),
    ),
    _preset(
        "9.70Gi",
        "mistralai/Ministral-3-8B-Instruct-2512",
        "df904c183734f8760042c708d3629a4ed68b103a",
        _facts("9.70Gi", 34, 4096, 8_800_000_000),
    ),
    _preset(
        "14.65Gi",
        "mistralai/Ministral-3-14B-Instruct-2512",
        "6aa4534f7bb46d16753bd12a08b32810a06b7a14",
        _facts("14.65Gi", 40, 5120, 13_900_000_000),
    ),
)
