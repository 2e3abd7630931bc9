"""From names to presets."""

import pytest

from kaito.catalog.lookup import PRESETS, check_preset, find_preset
from kaito.catalog.preset import Preset


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_preset_is_found_by_its_name_and_its_hub_id_and_has_facts(preset: Preset) -> None:
    for name in (preset.name, preset.hub_id, *preset.aliases):
        assert find_preset(name) is preset
    facts = preset.facts
    assert facts is not None
    assert min(facts.weights_bytes, facts.kv_bytes_per_token, facts.context_tokens) > 0


def test_names_are_found_in_any_case_and_by_alias() -> None:
    assert find_preset("Mistral-7B") is find_preset("mistral-7b-v0.3")


def test_any_model_of_the_hub_is_a_preset_without_facts() -> None:
    found = find_preset("Someone/Some-Model")
    assert found is not None
    assert (found.name, found.hub_id, found.facts) == ("some-model", "Someone/Some-Model", None)


@pytest.mark.parametrize("name", ["a/b/c", "/model", "org/", "phi"])
def test_other_names_are_refused_with_a_next_step(name: str) -> None:
    problem = check_preset(name)
    assert repr(name) in problem
    assert "did you mean" in problem or "kaito models list" in problem
