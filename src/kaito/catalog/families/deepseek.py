"""DeepSeek's V3 line: one latent vector a token and layer, held whole by every rank.

Shapes from the models' config.json; sizes as vLLM 0.32 loads them, without the layer for
speculation (about 2 % of the files; docs/reference/engine-agreement.md); commits from
KAITO's supported_models.yaml at 056b8280. KAITO starts all of them with V3.2's tokenizer mode,
which writes V3.2's prompt format and leaves the chat template unread; only V3.2 has that format.
"""

from dataclasses import replace

from kaito.catalog.cache_layers import LatentLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving
from kaito.catalog.quantization import Quantization

_V3 = ModelFacts(
    architecture="DeepseekV3ForCausalLM",
    weights_bytes=673_150_611_808,
    context_tokens=163_840,
    cache=(LatentLayers(layers=61, width=512 + 64),),
    layers=61,
    hidden_size=7168,
    attention_heads=128,
    vocabulary=129_280,
    parameters=671_000_000_000,
    active_parameters=37_000_000_000,
    experts=256,
    experts_per_token=8,
    quantization=Quantization(method="fp8", bits=8),
)
_V3_KAITO = KaitoFigures(size="641.30Gi", bytes_per_token=70_272)

PRESETS = (
    Preset(
        name="deepseek-r1-0528",
        hub_id="deepseek-ai/DeepSeek-R1-0528",
        license="mit",
        revision="4236a6af538feda4548eca9ab308586007567f52",
        tool_call_parser="deepseek_v3",
        reasoning_parser="deepseek_r1",
        serving=Serving(chat_template="deepseekr1"),
        runtimes=("vllm", "transformers"),
        kaito=_V3_KAITO,
        facts=_V3,
    ),
    Preset(
        name="deepseek-v3-0324",
        hub_id="deepseek-ai/DeepSeek-V3-0324",
        license="mit",
        revision="e9b33add76883f293d6bf61f6bd89b497e80e335",
        tool_call_parser="deepseek_v3",
        reasoning_parser="deepseek_v3",
        serving=Serving(chat_template="deepseekv3"),
        runtimes=("vllm", "transformers"),
        kaito=_V3_KAITO,
        facts=_V3,
    ),
    Preset(
        name="deepseek-v3.2",
        hub_id="deepseek-ai/DeepSeek-V3.2",
        license="mit",
        tool_call_parser="deepseek_v32",
        reasoning_parser="deepseek_v3",
        # The tokenizer mode writes the prompt, so KAITO's chat template would go unread.
        serving=Serving(
            tokenizer_mode="deepseek_v32",
            uses_deep_gemm=True,
            flashinfer_autotune=False,
            can_offload_cache=False,
        ),
        kaito=KaitoFigures(size="642.14Gi", bytes_per_token=70_272),
        facts=replace(
            _V3,
            architecture="DeepseekV32ForCausalLM",
            weights_bytes=674_086_322_528,
            cache=(
                # In 8 bits: 512 latent bytes, 4 scales of 4 bytes, 64 rotary elements of 2 bytes.
                LatentLayers(layers=61, width=512 + 64, packed_bytes=656),
                # The indexer's key: 128 elements of 8 bits and their scale, whatever the cache.
                LatentLayers(layers=61, packed_bytes=132),
            ),
            kv_bytes_per_token=0,
        ),
    ),
)
