"""Meta's Llama 2, which older manifests still name. Gated. Sizes: two bytes a parameter."""

from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import ModelFacts, Preset

_7B = ModelFacts(
    architecture="LlamaForCausalLM",
    weights_bytes=2 * 6_738_415_616,
    context_tokens=4096,
    cache=(HeadLayers(layers=32, kv_heads=32, key_size=128),),
    layers=32,
    hidden_size=4096,
    attention_heads=32,
    vocabulary=32_000,
    parameters=6_738_415_616,
)
_13B = ModelFacts(
    architecture="LlamaForCausalLM",
    weights_bytes=2 * 13_015_864_320,
    context_tokens=4096,
    cache=(HeadLayers(layers=40, kv_heads=40, key_size=128),),
    layers=40,
    hidden_size=5120,
    attention_heads=40,
    vocabulary=32_000,
    parameters=13_015_864_320,
)
_70B = ModelFacts(
    architecture="LlamaForCausalLM",
    weights_bytes=2 * 68_976_648_192,
    context_tokens=4096,
    cache=(HeadLayers(layers=80, kv_heads=8, key_size=128),),
    layers=80,
    hidden_size=8192,
    attention_heads=64,
    vocabulary=32_000,
    parameters=68_976_648_192,
)


def _preset(name: str, hub_id: str, facts: ModelFacts) -> Preset:
    return Preset(
        name=name,
        hub_id=hub_id,
        license="llama2",
        is_gated=True,
        runtimes=("vllm", "transformers"),
        note="superseded: llama-3.1-8b-instruct and llama-3.3-70b-instruct take 32 times the text",
        facts=facts,
    )


PRESETS = (
    _preset("llama-2-7b", "meta-llama/Llama-2-7b-hf", _7B),
    _preset("llama-2-7b-chat", "meta-llama/Llama-2-7b-chat-hf", _7B),
    _preset("llama-2-13b", "meta-llama/Llama-2-13b-hf", _13B),
    _preset("llama-2-13b-chat", "meta-llama/Llama-2-13b-chat-hf", _13B),
    _preset("llama-2-70b", "meta-llama/Llama-2-70b-hf", _70B),
    _preset("llama-2-70b-chat", "meta-llama/Llama-2-70b-chat-hf", _70B),
)
