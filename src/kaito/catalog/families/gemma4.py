"""Google's Gemma 4: sliding layers, and full ones with fewer and wider heads.

Shapes from google-deepmind/gemma (gm/nn/gemma4/_gemma4.py) and transformers' Gemma4TextConfig, the
12B's from its config.json; sizes as KAITO 0.12's catalogue adds the weight files up (spec section
3.3). In E2B and E4B the last 20 and 18 layers reuse the cache of earlier ones and have none. The
commit of 26B-A4B is the one NVIDIA's Megatron-Bridge verifies against.
"""

from kaito.base.quantity import parse_bytes
from kaito.catalog.cache_layers import CacheLayers, HeadLayers
from kaito.catalog.preset import KaitoFigures, ModelFacts, Preset, Serving


def _cache(sliding: tuple[int, int], full: tuple[int, int], window: int) -> tuple[CacheLayers, ...]:
    """Groups from (layers, heads) of each kind: head sizes are 256 and 512 in all of them."""
    return (
        HeadLayers(layers=sliding[0], kv_heads=sliding[1], key_size=256, window_tokens=window),
        HeadLayers(layers=full[0], kv_heads=full[1], key_size=512),
    )


def _preset(hub_id: str, kaito: KaitoFigures, facts: ModelFacts, revision: str = "main") -> Preset:
    return Preset(
        name=hub_id.partition("/")[2].lower(),
        hub_id=hub_id,
        license="apache-2.0",
        revision=revision,
        tool_call_parser="gemma4",
        reasoning_parser="gemma4",
        serving=Serving(can_offload_cache=False),
        kaito=kaito,
        facts=facts,
    )


PRESETS = (
    _preset(
        "google/gemma-4-31B-it",
        KaitoFigures(size="58.25Gi", bytes_per_token=983_040),
        ModelFacts(
            architecture="Gemma4ForConditionalGeneration",
            weights_bytes=parse_bytes("58.25Gi"),
            context_tokens=262_144,
            cache=_cache((50, 16), (10, 4), 1024),
            layers=60,
            hidden_size=5376,
            attention_heads=32,
            vocabulary=262_144,
            parameters=31_000_000_000,
            is_multimodal=True,
        ),
    ),
    _preset(
        "google/gemma-4-26B-A4B-it",
        KaitoFigures(size="48.07Gi", bytes_per_token=245_760),
        ModelFacts(
            architecture="Gemma4ForConditionalGeneration",
            weights_bytes=parse_bytes("48.07Gi"),
            context_tokens=262_144,
            cache=_cache((25, 8), (5, 2), 1024),
            layers=30,
            hidden_size=2816,
            attention_heads=16,
            vocabulary=262_144,
            parameters=26_000_000_000,
            active_parameters=4_000_000_000,
            experts=128,
            experts_per_token=8,
            is_multimodal=True,
        ),
        "4d7ae4984b7db7de8f8457170b3f1a419ee76d52",
    ),
    _preset(
        "google/gemma-4-12B-it",
        KaitoFigures(size="22.28Gi", bytes_per_token=393_216),
        ModelFacts(
            architecture="Gemma4UnifiedForConditionalGeneration",
            weights_bytes=parse_bytes("22.28Gi"),
            context_tokens=262_144,
            cache=_cache((40, 8), (8, 1), 1024),
            layers=48,
            hidden_size=3840,
            attention_heads=16,
            vocabulary=262_144,
            parameters=12_000_000_000,
            is_multimodal=True,
        ),
    ),
    _preset(
        "google/gemma-4-E4B-it",
        KaitoFigures(size="14.89Gi", bytes_per_token=86_016),
        ModelFacts(
            architecture="Gemma4ForConditionalGeneration",
            weights_bytes=parse_bytes("14.89Gi"),
            context_tokens=131_072,
            cache=_cache((20, 2), (4, 2), 512),
            layers=42,
            hidden_size=2560,
            attention_heads=8,
            vocabulary=262_144,
            parameters=8_000_000_000,
            active_parameters=4_500_000_000,
            is_multimodal=True,
        ),
    ),
    _preset(
        "google/gemma-4-E2B-it",
        KaitoFigures(size="9.54Gi", bytes_per_token=35_840),
        ModelFacts(
            architecture="Gemma4ForConditionalGeneration",
            weights_bytes=parse_bytes("9.54Gi"),
            context_tokens=131_072,
            cache=_cache((12, 1), (3, 1), 512),
            layers=35,
            hidden_size=1536,
            attention_heads=8,
            vocabulary=262_144,
            parameters=5_100_000_000,
            active_parameters=2_300_000_000,
            is_multimodal=True,
        ),
    ),
)
