"""Layers by the user's names, this architecture's, or all."""

import pytest

from kaito.runtimes.tuning.errors import SettingRefused
from kaito.runtimes.tuning.targets import choose_targets

PHI3 = ("down_proj", "gate_up_proj", "o_proj", "qkv_proj")
LLAMA = ("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")


@pytest.mark.parametrize("given", [None, [], "all-linear"])
def test_without_a_choice_every_linear_layer_is_adapted(given: object) -> None:
    assert choose_targets(given, PHI3).names == PHI3


def test_kaitos_names_mean_phi_3s_fused_layers() -> None:
    targets = choose_targets(["q_proj", "k_proj", "v_proj", "o_proj"], PHI3)

    assert targets.names == ("o_proj", "qkv_proj")
    assert len(targets.notes) == 3


def test_names_that_are_there_are_taken_as_they_are() -> None:
    assert choose_targets(["v_proj", "q_proj"], LLAMA).names == ("q_proj", "v_proj")
    assert choose_targets(["v_proj"], LLAMA).notes == ()


@pytest.mark.parametrize("given", [["q_prjo"], ["wte"], {"q": 1}, [3]])
def test_a_name_that_is_nowhere_is_refused(given: object) -> None:
    with pytest.raises(SettingRefused, match="target_modules"):
        choose_targets(given, LLAMA)
