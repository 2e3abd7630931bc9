"""Microsoft's Phi-2, Phi-3 and Phi-3.5.

Shapes from the models' config.json; sizes as KAITO 0.12's catalogue adds the weight files up (spec
section 3.3), Phi-2's from its number of parameters; commits from KAITO's supported_models.yaml at
056b8280. The 4k models slide over 2047 tokens in every layer; the 128k models' windows are as long
as their context and cut nothing.
"""

from dataclasses import replace

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset

_MINI_LAYERS = HeadLayers(layers=32, kv_heads=32, key_size=96)
_MINI = ModelFacts(
    architecture="Phi3ForCausalLM",
    weights_bytes=parse_bytes("7.12Gi"),
    context_tokens=131_072,
    cache=(_MINI_LAYERS,),
    layers=32,
    hidden_size=3072,
    attention_heads=32,
    vocabulary=32_064,
    parameters=3_821_079_552,
)
_MINI_KAITO = KaitoFigures(size="7.12Gi", bytes_per_token=393_216)
_MEDIUM_LAYERS = HeadLayers(layers=40, kv_heads=10, key_size=128)
_MEDIUM = ModelFacts(
    architecture="Phi3ForCausalLM",
    weights_bytes=parse_bytes("26.00Gi"),
    context_tokens=131_072,
    cache=(_MEDIUM_LAYERS,),
    layers=40,
    hidden_size=5120,
    attention_heads=40,
    vocabulary=32_064,
    parameters=13_960_238_080,
)
_MEDIUM_KAITO = KaitoFigures(size="26.00Gi", bytes_per_token=204_800)

PRESETS = (
    Preset(
        name="phi-2",
        hub_id="microsoft/phi-2",
        license="mit",
        revision="ef382358ec9e382308935a992d908de099b64c23",
        runtimes=("vllm", "transformers"),
        note="a base model of 2023; phi-4-mini-instruct follows instructions and takes more text",
        facts=ModelFacts(
            architecture="PhiForCausalLM",
            weights_bytes=2 * 2_779_683_840,
            context_tokens=2048,
            cache=(HeadLayers(layers=32, kv_heads=32, key_size=80),),
            layers=32,
            hidden_size=2560,
            attention_heads=32,
            vocabulary=51_200,
            parameters=2_779_683_840,
        ),
    ),
    Preset(
        name="phi-3-mini-4k-instruct",
        hub_id="microsoft/Phi-3-mini-4k-instruct",
        license="mit",
        revision="0a67737cc96d2554230f90338b163bc6380a2a85",
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        kaito=_MINI_KAITO,
        facts=replace(
            _MINI, context_tokens=4096, cache=(replace(_MINI_LAYERS, window_tokens=2047),)
        ),
    ),
    Preset(
        name="phi-3-mini-128k-instruct",
        hub_id="microsoft/Phi-3-mini-128k-instruct",
        license="mit",
        revision="072cb7562cb8c4adf682a8e186aaafa49469eb5d",
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        kaito=_MINI_KAITO,
        facts=_MINI,
    ),
    Preset(
        name="phi-3-medium-4k-instruct",
        hub_id="microsoft/Phi-3-medium-4k-instruct",
        license="mit",
        revision="b64223aaea6fbf273c0c8cd0801d5e732dce8897",
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        kaito=_MEDIUM_KAITO,
        facts=replace(
            _MEDIUM, context_tokens=4096, cache=(replace(_MEDIUM_LAYERS, window_tokens=2047),)
        ),
    ),
    Preset(
        name="phi-3-medium-128k-instruct",
        hub_id="microsoft/Phi-3-medium-128k-instruct",
        license="mit",
        revision="fa7d2aa4f5ea69b2e36b20d050cdae79c9bfbb3f",
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        kaito=_MEDIUM_KAITO,
        facts=_MEDIUM,
    ),
    Preset(
        name="phi-3.5-mini-instruct",
        hub_id="microsoft/Phi-3.5-mini-instruct",
        license="mit",
        revision="3145e03a9fd4cdd7cd953c34d9bbf7ad606122ca",
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        kaito=_MINI_KAITO,
        facts=_MINI,
    ),
)
