"""TII's Falcon, which KAITO 0.12 no longer resolves and its users still ask for.

The parameters are counted from the models' config.json with the output layer tied to the
embedding, as vLLM loads them; the files on the hub carry it twice. Commits from KAITO's
supported_models.yaml at 056b8280.
"""

from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import ModelFacts, Preset

_7B = ModelFacts(
    architecture="FalconForCausalLM",
    weights_bytes=2 * 6_921_720_704,
    context_tokens=2048,
    cache=(HeadLayers(layers=32, kv_heads=1, key_size=64),),
    layers=32,
    hidden_size=4544,
    # 71 is a prime: no tensor parallelism.
    attention_heads=71,
    vocabulary=65_024,
    parameters=6_921_720_704,
)
_40B = ModelFacts(
    architecture="FalconForCausalLM",
    weights_bytes=2 * 41_303_293_952,
    context_tokens=2048,
    cache=(HeadLayers(layers=60, kv_heads=8, key_size=64),),
    layers=60,
    hidden_size=8192,
    attention_heads=128,
    vocabulary=65_024,
    parameters=41_303_293_952,
)
_NOTE = "a model of 2023 that takes 2048 tokens of text; consider llama-3.1-8b-instruct or phi-4"


def _preset(name: str, revision: str, facts: ModelFacts) -> Preset:
    return Preset(
        name=name,
        hub_id=f"tiiuae/{name}",
        license="apache-2.0",
        revision=revision,
        runtimes=("vllm", "transformers"),
        is_tunable=True,
        note=_NOTE,
        facts=facts,
    )


PRESETS = (
    _preset("falcon-7b", "898df1396f35e447d5fe44e0a3ccaaaa69f30d36", _7B),
    _preset("falcon-7b-instruct", "cf4b3c42ce2fdfe24f753f0f0d179202fea59c99", _7B),
    _preset("falcon-40b", "4a70170c215b36a3cce4b4253f6d0612bb7d4146", _40B),
    _preset("falcon-40b-instruct", "ecb78d97ac356d098e79f0db222c9ce7c5d9ee5f", _40B),
)
