"""DeepSeek's R1 distilled into Llama and Qwen.

They are Llama and Qwen: KAITO's settings by the prefix `deepseek-r1` give them DeepSeek's tokenizer
mode, chat template and tool parser, none of which is theirs. They reason in R1's format and were
not taught to call tools. Sizes as KAITO 0.12's catalogue adds the weight files up (spec section
3.3); commits from KAITO's supported_models.yaml at 056b8280.
"""

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset

PRESETS = (
    Preset(
        name="deepseek-r1-distill-llama-8b",
        hub_id="deepseek-ai/DeepSeek-R1-Distill-Llama-8B",
        license="mit",
        revision="6a6f4aa4197940add57724a7707d069478df56b1",
        reasoning_parser="deepseek_r1",
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
        name="deepseek-r1-distill-qwen-14b",
        hub_id="deepseek-ai/DeepSeek-R1-Distill-Qwen-14B",
        license="mit",
        revision="1df8507178afcc1bef68cd8c393f61a886323761",
        reasoning_parser="deepseek_r1",
        runtimes=("vllm", "transformers"),
        kaito=KaitoFigures(size="27.51Gi", bytes_per_token=196_608),
        facts=ModelFacts(
            architecture="Qwen2ForCausalLM",
            weights_bytes=parse_bytes("27.51Gi"),
            context_tokens=131_072,
            cache=(HeadLayers(layers=48, kv_heads=8, key_size=128),),
            layers=48,
            hidden_size=5120,
            attention_heads=40,
            vocabulary=152_064,
            parameters=14_770_033_664,
        ),
    ),
)
