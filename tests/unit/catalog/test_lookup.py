"""From names to presets."""

import pytest

from kaito.catalog.lookup import PRESETS, check_preset, find_preset
from kaito.catalog.preset import Preset
from kaito.catalog.retired import RETIRED

LEGACY = {
    "phi-4": "microsoft/phi-4",
    "phi-4-mini-instruct": "microsoft/Phi-4-mini-instruct",
    "phi-3-mini-4k-instruct": "microsoft/Phi-3-mini-4k-instruct",
    "phi-3-mini-128k-instruct": "microsoft/Phi-3-mini-128k-instruct",
    "phi-3-medium-4k-instruct": "microsoft/Phi-3-medium-4k-instruct",
    "phi-3-medium-128k-instruct": "microsoft/Phi-3-medium-128k-instruct",
    "phi-3.5-mini-instruct": "microsoft/Phi-3.5-mini-instruct",
    "llama-3.1-8b-instruct": "meta-llama/Llama-3.1-8B-Instruct",
    "llama-3.3-70b-instruct": "meta-llama/Llama-3.3-70B-Instruct",
    "deepseek-r1-distill-llama-8b": "deepseek-ai/DeepSeek-R1-Distill-Llama-8B",
    "deepseek-r1-distill-qwen-14b": "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B",
    "deepseek-r1-0528": "deepseek-ai/DeepSeek-R1-0528",
    "deepseek-v3-0324": "deepseek-ai/DeepSeek-V3-0324",
    "qwen2.5-coder-7b-instruct": "Qwen/Qwen2.5-Coder-7B-Instruct",
    "qwen2.5-coder-32b-instruct": "Qwen/Qwen2.5-Coder-32B-Instruct",
    "gpt-oss-20b": "openai/gpt-oss-20b",
    "gpt-oss-120b": "openai/gpt-oss-120b",
    "gemma-3-4b-instruct": "google/gemma-3-4b-it",
    "gemma-3-27b-instruct": "google/gemma-3-27b-it",
    "mistral-7b": "mistralai/Mistral-7B-v0.3",
    "mistral-7b-instruct": "mistralai/Mistral-7B-Instruct-v0.3",
    "ministral-3-3b-instruct": "mistralai/Ministral-3-3B-Instruct-2512",
    "ministral-3-8b-instruct": "mistralai/Ministral-3-8B-Instruct-2512",
    "ministral-3-14b-instruct": "mistralai/Ministral-3-14B-Instruct-2512",
    "mistral-large-3-675b-instruct": "mistralai/Mistral-Large-3-675B-Instruct-2512",
}
"""KAITO 0.12's 25 aliases (spec section 3.1)."""
ASKED_FOR = (
    *("falcon-7b", "falcon-7b-instruct", "falcon-40b", "falcon-40b-instruct", "phi-2"),
    *("llama-2-7b", "llama-2-7b-chat", "llama-2-13b", "llama-2-13b-chat"),
    *("llama-2-70b", "llama-2-70b-chat"),
    *("smollm2-135m-instruct", "smollm2-360m-instruct", "smollm2-1.7b-instruct"),
    *("qwen2.5-0.5b-instruct", "qwen2.5-1.5b-instruct"),
)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_preset_is_found_by_its_name_and_its_hub_id_and_has_facts(preset: Preset) -> None:
    for name in (preset.name, preset.hub_id, *preset.aliases):
        assert find_preset(name) is preset
        assert check_preset(name) == ""
    facts = preset.facts
    assert facts is not None
    assert min(facts.weights_bytes, facts.kv_bytes_per_token, facts.context_tokens) > 0
    assert min(facts.layers, facts.hidden_size, facts.attention_heads, facts.vocabulary) > 0
    assert facts.cache
    assert 0 < facts.active_parameters <= facts.parameters
    assert facts.can_split(1)
    assert bool(facts.experts) == bool(facts.experts_per_token)
    assert preset.runtimes


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_weights_are_as_large_as_their_parameters_and_bits_say(preset: Preset) -> None:
    facts = preset.facts
    assert facts is not None
    expected = facts.parameters * facts.weight_bits / 8
    # Names round, encoders and the layers for speculation come on top, parts stay at 16 bits.
    assert 0.9 * expected <= facts.weights_bytes <= 1.5 * expected


@pytest.mark.parametrize(("alias", "hub_id"), LEGACY.items())
def test_kaitos_aliases_lead_where_they_used_to(alias: str, hub_id: str) -> None:
    found = find_preset(alias)
    assert found is not None
    assert found.hub_id == hub_id


@pytest.mark.parametrize("name", ASKED_FOR)
def test_models_that_kaito_dropped_or_never_had_are_there(name: str) -> None:
    assert find_preset(name) is not None


def test_those_that_want_an_accepted_licence_are_marked() -> None:
    gated = {p.hub_id for p in PRESETS if p.hub_id.startswith(("meta-llama/", "google/gemma-3-"))}
    assert {preset.hub_id for preset in PRESETS if preset.is_gated} == gated
    assert len(gated) == 10


def test_names_are_found_in_any_case_and_by_alias() -> None:
    assert find_preset("Mistral-7B") is find_preset("mistral-7b-v0.3")


def test_any_model_of_the_hub_is_a_preset_without_facts() -> None:
    found = find_preset("Someone/Some-Model")
    assert found is not None
    assert (found.name, found.hub_id, found.facts) == ("some-model", "Someone/Some-Model", None)


def test_somebody_elses_model_of_a_presets_name_keeps_a_name_of_its_own() -> None:
    found = find_preset("Someone/Phi-4")
    assert found is not None
    assert (found.name, found.facts) == ("someone--phi-4", None)


@pytest.mark.parametrize("name", ["a/b/c", "/model", "org/", "phi"])
def test_other_names_are_refused_with_a_next_step(name: str) -> None:
    problem = check_preset(name)
    assert repr(name) in problem
    assert "did you mean" in problem or "kaito models list" in problem


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("phi4", "phi-4"),
        ("lama-3.1-8b-instruct", "llama-3.1-8b-instruct"),
        ("falcon7b", "falcon-7b"),
    ],
)
def test_a_mistyped_name_is_answered_with_near_ones(name: str, near: str) -> None:
    assert near in check_preset(name)


@pytest.mark.parametrize("name", RETIRED)
def test_a_retired_name_is_answered_with_what_to_use(name: str) -> None:
    assert find_preset(name) is None
    problem = check_preset(name)
    assert "use " in problem
    replacements = problem.rpartition("use ")[2].replace(", its successor", "").split(" or ")
    assert all(find_preset(replacement) for replacement in replacements)
