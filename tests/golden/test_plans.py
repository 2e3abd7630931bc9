"""Whole plans as they are explained: the arithmetic, the notes, the summary.

KAITO_UPDATE_GOLDEN=1 writes the files anew; read the difference before it is recorded.
"""

import json
import os
from pathlib import Path

import pytest

from kaito.catalog.instances import find_instance_type
from kaito.catalog.lookup import find_preset
from kaito.cli.program import main
from kaito.planner.gpu import plan_on_gpus
from kaito.planner.plan import Demand, Plan, PlanRequest
from kaito.planner.summary import summary_line, to_summary

_PLANS = Path(__file__).with_name("plans")
_FILES = Path(__file__).with_name("plan_files")
_CASES = {
    "phi-4-mini-a10": ("phi-4-mini-instruct", "Standard_NV36ads_A10_v5", Demand()),
    "phi-4-mini-a100": ("phi-4-mini-instruct", "Standard_NC24ads_A100_v4", Demand()),
    "phi-3-mini-v100": ("phi-3-mini-4k-instruct", "Standard_NC6s_v3", Demand()),
    "llama-70b-two-nodes": ("llama-3.3-70b-instruct", "Standard_NC24ads_A100_v4", Demand()),
    "llama-70b-long": (
        "llama-3.3-70b-instruct",
        "Standard_NC96ads_A100_v4",
        Demand(context_tokens=131_072, concurrency=2),
    ),
    "deepseek-r1-h200": ("deepseek-r1-0528", "Standard_ND96isr_H200_v5", Demand()),
    "deepseek-v4-h200": ("deepseek-v4-flash-0731", "Standard_ND96isr_H200_v5", Demand()),
    "gpt-oss-120b-a100": ("gpt-oss-120b", "Standard_NC24ads_A100_v4", Demand()),
    "nemotron-hybrid-l4": ("nvidia-nemotron-nano-9b-v2", "g6.12xlarge", Demand()),
    "gemma-copies-eager": (
        "gemma-3-4b-it",
        "Standard_NC48ads_A100_v4",
        Demand(data_parallel=2, enforce_eager=True, kv_cache_dtype="fp8"),
    ),
    "llama-8b-adapters-a10": (
        "llama-3.1-8b-instruct",
        "Standard_NV36ads_A10_v5",
        Demand(adapter_slots=2, adapter_rank=64),
    ),
    "gpt-oss-20b-adapters-a100": (
        "gpt-oss-20b",
        "Standard_NC24ads_A100_v4",
        Demand(adapter_slots=4, adapter_rank=64),
    ),
    "llama-70b-t4-refused": ("llama-3.3-70b-instruct", "Standard_NC4as_T4_v3", Demand()),
}


def _explained(model: str, machine: str, demand: Demand) -> str:
    preset, instance = find_preset(model), find_instance_type(machine)
    assert preset is not None
    assert preset.facts is not None
    assert instance is not None
    outcome = plan_on_gpus(
        PlanRequest(preset=preset, facts=preset.facts, instance=instance, demand=demand)
    )
    if not isinstance(outcome, Plan):
        return f"{outcome.reason}: {outcome.message}\nfits: {', '.join(outcome.fits)}\n"
    lines = [summary_line(outcome), "", *outcome.working, ""]
    lines += [f"override: {line}" for line in outcome.overrides]
    lines += [f"note: {line}" for line in outcome.notes]
    return "\n".join([*lines, "", json.dumps(to_summary(outcome), indent=2), ""])


@pytest.mark.parametrize("name", _CASES)
def test_a_plan_is_explained_as_recorded(name: str) -> None:
    found = _explained(*_CASES[name])
    recorded = _PLANS / f"{name}.txt"
    if os.environ.get("KAITO_UPDATE_GOLDEN"):
        recorded.parent.mkdir(exist_ok=True)
        recorded.write_text(found)
    assert found == recorded.read_text()


def test_every_record_is_of_a_case() -> None:
    assert {path.stem for path in _PLANS.glob("*.txt")} == set(_CASES)


def test_tuning_and_adapters_are_printed_as_recorded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(_FILES)
    assert main(["plan", "-f", "tuning-and-adapters.input.yaml"]) == 0
    found = capsys.readouterr().out
    recorded = _FILES / "tuning-and-adapters.output.txt"
    if os.environ.get("KAITO_UPDATE_GOLDEN"):
        recorded.write_text(found)
    assert found == recorded.read_text()


def test_a_tuning_job_that_does_not_fit_is_refused_with_what_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (_FILES / "tuning-and-adapters.input.yaml").read_text().partition("---")[0]
    file = tmp_path / "one.yaml"
    file.write_text(text.replace("qlora", "full").replace("NC24ads_A100_v4", "NC4as_T4_v3"))
    assert main(["plan", "-f", str(file), "-o", "json"]) == 1
    printed = capsys.readouterr()
    (answer,) = json.loads(printed.out)["tunings"]
    assert answer["plan"] is None
    assert answer["refusal"]["reason"] == "InsufficientMemory"
    assert "cheapest that fits: " in printed.err
    assert "ConfigMap 'settings' is not in these files; planned without it" in printed.err
