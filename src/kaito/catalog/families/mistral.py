"""Mistral AI's 7B models, served from the weights in Mistral's own format.

Shape from params.json; size as KAITO 0.12's catalogue adds the consolidated files up (spec section
3.3); commits from KAITO's supported_models.yaml at 056b8280.
"""

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving

_SERVING = Serving(load_format="mistral", tokenizer_mode="mistral")
_KAITO = KaitoFigures(size="13.50Gi", bytes_per_token=131_072)
_FACTS = ModelFacts(
    architecture="MistralForCausalLM",
    weights_bytes=parse_bytes("13.50Gi"),
    context_tokens=32_768,
    cache=(HeadLayers(layers=32, kv_heads=8, key_size=128),),
    layers=32,
    hidden_size=4096,
    attention_heads=32,
    vocabulary=32_768,
    parameters=7_248_023_552,
)

PRESETS = (
    Preset(
        name="mistral-7b-v0.3",
        hub_id="mistralai/Mistral-7B-v0.3",
        license="apache-2.0",
        revision="d8cadc02ac76bd617a919d50b092e59d2d110aff",
        aliases=("mistral-7b",),
        tool_call_parser="mistral",
        serving=_SERVING,
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        kaito=_KAITO,
        facts=_FACTS,
    ),
    Preset(
        name="mistral-7b-instruct-v0.3",
        hub_id="mistralai/Mistral-7B-Instruct-v0.3",
        license="apache-2.0",
        revision="e0bc86c23ce5aae1db576c8cca6f06f1f73af2db",
        aliases=("mistral-7b-instruct",),
        tool_call_parser="mistral",
        serving=_SERVING,
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        kaito=_KAITO,
        facts=_FACTS,
    ),
)
