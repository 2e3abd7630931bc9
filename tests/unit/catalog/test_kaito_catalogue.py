"""KAITO 0.12's catalogue, column by column, against ours.

`kaito_0_12.tsv` is its table: one model a line. Where ours says something else on purpose, the
reason stands in `MENDED`; everything not in there has to be equal. The node counts of its last
column are checked where they are computed, in tests/unit/planner/test_kaito_compat.py.
"""

import csv
from pathlib import Path

import pytest

from kaito.catalog.cache_layers import HeadLayers, LatentLayers
from kaito.catalog.lookup import find_preset
from kaito.catalog.preset import ModelFacts, Preset

ROWS = tuple(
    csv.DictReader(
        Path(__file__).with_name("kaito_0_12.tsv").read_text().splitlines(), delimiter="\t"
    )
)
NAMES = [row["hub_id"] for row in ROWS]
MENDED = {
    ("microsoft/Phi-4-mini-instruct", "tool_parser"): "its prefix `phi4-mini` never matches",
    ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "tokenizer_mode"): "it is a Llama",
    ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "tool_parser"): "it was not taught to call tools",
    ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "chat_template"): "it has its own",
    ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "tokenizer_mode"): "it is a Qwen",
    ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "tool_parser"): "it was not taught to call tools",
    ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "chat_template"): "it has its own",
    ("mistralai/Ministral-3-3B-Instruct-2512", "tool_parser"): "it calls tools as its siblings do",
    ("mistralai/Ministral-3-8B-Instruct-2512", "tool_parser"): "it calls tools as its siblings do",
    ("mistralai/Ministral-3-14B-Instruct-2512", "tool_parser"): "it calls tools as its siblings do",
    ("google/gemma-3-4b-it", "tool_parser"): "it lacks FunctionGemma's tokens",
    ("google/gemma-3-4b-it", "chat_template"): "its own template shows no tools",
    ("google/gemma-3-27b-it", "tool_parser"): "it lacks FunctionGemma's tokens",
    ("google/gemma-3-27b-it", "chat_template"): "its own template shows no tools",
    ("deepseek-ai/DeepSeek-R1-0528", "tokenizer_mode"): "that mode writes V3.2's prompts",
    ("deepseek-ai/DeepSeek-V3-0324", "tokenizer_mode"): "that mode writes V3.2's prompts",
    ("deepseek-ai/DeepSeek-V3.2", "chat_template"): "its tokenizer mode leaves it unread",
    ("meta-llama/Llama-3.1-8B-Instruct", "chat_template"): "its own template shows tools",
    ("meta-llama/Llama-3.3-70B-Instruct", "chat_template"): "its own template shows tools",
    ("Qwen/Qwen2.5-Coder-7B-Instruct", "chat_template"): "its own template shows tools",
    ("Qwen/Qwen2.5-Coder-32B-Instruct", "chat_template"): "its own template shows tools",
    ("google/gemma-4-31B-it", "chat_template"): "its own template shows tools",
    ("google/gemma-4-26B-A4B-it", "chat_template"): "its own template shows tools",
    ("google/gemma-4-12B-it", "chat_template"): "its own template shows tools",
    ("google/gemma-4-E4B-it", "chat_template"): "its own template shows tools",
    ("google/gemma-4-E2B-it", "chat_template"): "its own template shows tools",
}
IN_THE_IMAGE = "nvcc"
"""KAITO brings a compiler to the models with this flag; vLLM's image, which ours is, has one."""
KAITO_QUANTIZATION = {
    "awq": "awq4",
    "gptq": "gptq4",
    "modelopt_mixed": "MIXED_PRECISION",
}


def known(hub_id: str) -> tuple[Preset, ModelFacts]:
    preset = find_preset(hub_id)
    assert preset is not None
    assert preset.facts is not None
    return preset, preset.facts


def quantization_of(facts: ModelFacts) -> str:
    found = facts.quantization
    if found is None:
        return ""
    if found.method == "compressed-tensors":
        return found.format
    return KAITO_QUANTIZATION.get(found.method, found.method)


def flags_of(preset: Preset) -> set[str]:
    serving = preset.serving
    flags = {
        "noLMC": not serving.can_offload_cache,
        "EP": serving.enable_expert_parallel,
        "noAutotune": not serving.flashinfer_autotune,
        "DeepGEMM": serving.uses_deep_gemm,
        "kv=fp8": serving.kv_cache_dtype == "fp8",
        "gdn=triton": serving.gdn_prefill_backend == "triton",
    }
    return {flag for flag, is_set in flags.items() if is_set}


def columns_of(hub_id: str) -> dict[str, object]:
    """What our catalogue says, in the words of KAITO's table."""
    preset, facts = known(hub_id)
    assert preset.kaito is not None
    mode = preset.serving.tokenizer_mode
    return {
        "license": preset.license,
        "size_gib": preset.kaito.size.removesuffix("Gi"),
        "disk": f"{preset.kaito.disk_gib}Gi",
        "architecture": facts.architecture,
        "bytes_per_token": str(preset.kaito.bytes_per_token),
        "context": str(facts.context_tokens),
        "quantization": quantization_of(facts),
        "load_format": preset.serving.load_format,
        "tokenizer_mode": "" if mode == "auto" else mode,
        "tool_parser": preset.tool_call_parser,
        "reasoning_parser": preset.reasoning_parser,
        "chat_template": preset.serving.chat_template,
    }


def test_the_table_is_whole() -> None:
    assert len(ROWS) == len(set(NAMES)) == 60


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_every_column_is_kaitos_but_for_those_that_were_mended(row: dict[str, str]) -> None:
    ours = columns_of(row["hub_id"])
    differing = {column for column, value in ours.items() if value != row[column]}
    assert differing == {column for hub_id, column in MENDED if hub_id == row["hub_id"]}
    assert flags_of(known(row["hub_id"])[0]) == set(row["flags"].split(",")) - {"", IN_THE_IMAGE}


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_the_attention_is_of_the_kind_that_kaito_names(row: dict[str, str]) -> None:
    preset, facts = known(row["hub_id"])
    group = facts.cache[0]
    if row["attention"] == "MLA":
        assert isinstance(group, LatentLayers)
    elif isinstance(group, HeadLayers):
        kinds = {"MHA": facts.attention_heads, "MQA": 1}
        assert group.kv_heads == kinds.get(row["attention"], group.kv_heads)
    else:
        # KAITO takes DeepSeek V4's single vector for one head.
        assert (row["attention"], preset.tool_call_parser) == ("MQA", "deepseek_v4")


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_full_attention_keeps_what_kaito_counts_and_nothing_keeps_more(row: dict[str, str]) -> None:
    _, facts = known(row["hub_id"])
    counted = int(row["bytes_per_token"])
    layers = sum(group.layers for group in facts.cache if isinstance(group, HeadLayers))
    sizes = {group.key_size for group in facts.cache if isinstance(group, HeadLayers)}
    if layers == facts.layers and len(sizes) == 1:
        assert facts.kv_bytes_per_token == counted
    elif len(facts.cache) > 1:
        indexed = sum(g.token_bytes() for g in facts.cache if isinstance(g, LatentLayers))
        assert facts.kv_bytes_per_token <= max(counted, indexed)


def test_weights_are_as_large_as_kaito_says_unless_it_counts_them_twice() -> None:
    ratios = {}
    for hub_id in NAMES:
        preset, facts = known(hub_id)
        assert preset.kaito is not None
        ratios[preset.name] = facts.weights_bytes / preset.kaito.size_bytes
    twice = {name for name, ratio in ratios.items() if ratio < 0.51}
    assert twice == {"gpt-oss-20b", "gpt-oss-120b"}
    # Layers for speculation are in the files and not in the memory.
    others = [ratio for name, ratio in ratios.items() if name not in twice]
    assert all(0.97 < ratio < 1.0001 for ratio in others)
