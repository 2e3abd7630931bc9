"""What fits where, and `kaito models list` and `describe` that show it."""

import json
from pathlib import Path

import pytest

from kaito.base.errors import KaitoError
from kaito.catalog.accelerators import find_accelerator
from kaito.catalog.lookup import find_preset
from kaito.catalog.preset import Preset
from kaito.cli.fitting import best_by_cloud, best_by_gpu, fit_all, machines_with
from kaito.cli.program import main
from kaito.planner.plan import PlanRequest
from kaito.planner.search import rank_instances


def _preset(name: str) -> Preset:
    preset = find_preset(name)
    assert preset is not None
    return preset


def test_a_model_takes_as_few_gpus_of_one_machine_as_will_do() -> None:
    names = ("phi-4-mini-instruct", "phi-4", "llama-3.3-70b-instruct", "deepseek-v3.2", "a/b")
    fits = fit_all(map(_preset, names), machines_with("rtx-4090"))
    assert [fit.plan and fit.plan.gpus_per_node for fit in fits] == [1, 2, 8, None, None]
    assert fits[-1].outcome is None


def test_machines_have_1_to_8_gpus_of_that_name_in_any_case() -> None:
    machines = machines_with("a100-80gb")
    assert [machine.gpus for machine in machines] == [1, 2, 4, 8]
    assert {machine.accelerator for machine in machines} == {find_accelerator("A100-80GB")}


def test_an_unknown_gpu_comes_with_near_names() -> None:
    with pytest.raises(KaitoError, match="there is no GPU 'rtx4090'") as raised:
        machines_with("rtx4090")
    assert "RTX-4090" in raised.value.hint
    with pytest.raises(KaitoError) as raised:
        machines_with("!")
    assert raised.value.hint.startswith("one of: ")


def test_the_best_of_each_cloud_and_gpu_is_the_first_that_comes() -> None:
    preset = _preset("phi-4")
    assert preset.facts is not None
    plans = [one.plan for one in rank_instances(PlanRequest(preset=preset, facts=preset.facts))]
    clouds = best_by_cloud(plans)
    assert clouds[0] == plans[0]
    assert len({p.instance.cloud for p in clouds if p.instance}) == len(clouds)
    gpus = best_by_gpu(plans)
    sizes = [p.instance.accelerator.memory_bytes for p in gpus if p.instance]
    assert sizes == sorted(sizes)
    assert len({p.instance.gpu for p in gpus if p.instance}) == len(gpus)


def test_the_list_says_what_fits_a_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["models", "list", "--state-dir", str(tmp_path), "--instance-type", "Standard_NC6s_v3"]
    assert main(words) == 0
    headings, *rows = capsys.readouterr().out.splitlines()
    assert headings.split()[:4] == ["NAME", "SIZE", "FITS", "GPUS"]
    fits = {row.split()[0]: row.split()[3] for row in rows}
    assert (fits["phi-3-mini-4k-instruct"], fits["phi-4"]) == ("yes", "no")
    assert main([*words, "-o", "name"]) == 0
    named = capsys.readouterr().out.split()
    assert sorted(named) == sorted(name for name, fit in fits.items() if fit == "yes")
    assert main([*words, "-o", "json"]) == 0
    documents = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert documents["phi-4"]["plan"] is None
    assert documents["phi-4"]["refusal"]["reason"] == "InsufficientMemory"
    assert documents["phi-3-mini-4k-instruct"]["plan"]["gpusPerNode"] == 1


def test_a_gpu_and_an_instance_type_together_are_a_wrong_call(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "list", "--gpu", "T4", "--instance-type", "x"]) == 2
    assert "not allowed with argument --gpu" in capsys.readouterr().err


def test_a_description_says_what_else_the_model_fits_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["models", "describe", "qwen3-8b-awq", "--state-dir", str(tmp_path)]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "tools      hermes\nreasoning  qwen3\ntuning     no\n" in text
    assert "\nThe cheapest of each cloud:\nINSTANCE TYPE" in text
    assert "\nThe cheapest with each GPU:\nINSTANCE TYPE" in text
    assert main([*words, "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["toolCallParser"] == "hermes"
    assert len(document["fits"]) > 50
