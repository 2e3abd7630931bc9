"""`kaito plan` from its words to what it prints, with the real planner and catalogue."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kaito.cli.program import main

A100 = "Standard_NC24ads_A100_v4"
V100 = "Standard_NC6s_v3"
Captured = pytest.CaptureFixture[str]

WORKSPACE = """\
apiVersion: kaito.sh/{version}
kind: Workspace
metadata: {{name: {name}, annotations: null}}
resource:
  instanceType: {instance}
  labelSelector: {{matchLabels: {{apps: x}}}}
inference:
  preset: {{name: {model}}}
  config: {config}
"""
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: params}
data:
  inference_config.yaml: |
    vllm: {max-model-len: 8192, gpu-memory-utilization: 0.5}
"""


def _workspace(model: str = "phi-4", **more: str) -> str:
    words = {"version": "v1beta1", "name": "one", "instance": A100, "config": '""'}
    return WORKSPACE.format(model=model, **{**words, **more})


def _json(captured: Captured, *words: str) -> dict[str, Any]:
    assert main(["plan", *words, "-o", "json"]) == 0
    found: dict[str, Any] = json.loads(captured.readouterr().out)
    return found


def test_a_plan_starts_with_its_decision(capsys: Captured) -> None:
    assert main(["plan", "phi-4", "--instance-type", A100]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.startswith(f"instance     {A100} (azure, 1 x A100-80GB)\nnodes        1\n")
    for heading in ("Memory of the fullest GPU:", "Arithmetic:"):
        assert heading in printed.out
    assert "Also fits" not in printed.out


def test_a_search_names_the_next_best_machines(capsys: Captured) -> None:
    assert main(["plan", "phi-4", "--cloud", "azure"]) == 0
    decision, _, rest = capsys.readouterr().out.partition("Also fits (")
    assert decision.startswith("instance     Standard_")
    assert 1 <= len(rest.splitlines()) - 2 <= 4


def test_all_ranks_by_price_and_the_unknown_ones_last(capsys: Captured) -> None:
    assert main(["plan", "qwen2.5-coder-7b-instruct", "--all"]) == 0
    headings, *rows = capsys.readouterr().out.splitlines()
    assert headings.split()[0] == "INSTANCE"
    prices = [row.split()[-1].replace(",", "") for row in rows]
    known = [float(price) for price in prices if price != "?"]
    assert known == sorted(known)
    assert prices[: len(known)] == [price for price in prices if price != "?"]
    assert len(rows) > 50


def test_json_has_the_whole_plan_and_a_short_ranking(capsys: Captured) -> None:
    document = _json(capsys, "phi-4")
    assert document["refusal"] is None
    plan = document["plan"]
    memory = plan["gpuMemory"]
    assert sum(size for name, size in memory.items() if name != "total") == memory["total"]
    assert plan["startUp"]["total"] == sum(v for k, v in plan["startUp"].items() if k != "total")
    assert document["ranking"][0]["instanceType"] == plan["instanceType"]
    assert len(document["ranking"]) == 5
    assert len(_json(capsys, "phi-4", "--all")["ranking"]) > 50


def test_what_the_user_sets_is_kept_and_listed(capsys: Captured) -> None:
    words = ("--context", "4k", "--gpu-memory-utilization", "0.5", "--instance-type", A100)
    plan = _json(capsys, "phi-4", *words)["plan"]
    assert (plan["contextTokens"], plan["gpuMemoryUtilization"]) == (4096, 0.5)
    assert any("gpu-memory-utilization" in line for line in plan["overrides"])


def test_more_requests_take_a_larger_machine(capsys: Captured) -> None:
    few = _json(capsys, "phi-4", "--context", "16k")["plan"]
    many = _json(capsys, "phi-4", "--context", "16k", "--concurrency", "64")["plan"]
    assert many["concurrency"] >= 64
    assert many["usdPerHour"] > few["usdPerHour"]


def test_compat_shows_kaito_s_own_count(capsys: Captured) -> None:
    words = ["plan", "gpt-oss-120b", "--compat", "kaito-0.12"]
    assert main([*words, "--instance-type", A100]) == 0
    assert capsys.readouterr().out.endswith("\nnodes by KAITO 0.12: 3\n")
    assert main([*words, "--all", "--cloud", "azure"]) == 0
    headings, *rows = capsys.readouterr().out.splitlines()
    assert headings.endswith("BY KAITO")
    assert next(row for row in rows if A100 in row).split()[-1] == "3"
    document = _json(capsys, *words[1:], "--instance-type", A100)
    assert document["kaito"] == {"version": "0.12", "nodes": "3"}


def test_an_old_gpu_gets_the_runtime_that_still_supports_it(capsys: Captured) -> None:
    plan = _json(capsys, "phi-3-mini-4k-instruct", "--instance-type", V100)["plan"]
    assert plan["runtime"] == "transformers"
    assert any("transformers" in line for line in plan["notes"])


def test_a_refusal_is_one_line_with_what_would_fit_the_cheapest_first(capsys: Captured) -> None:
    assert main(["plan", "llama-3.3-70b-instruct", "--instance-type", V100]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("error: llama-3.3-70b-instruct ")
    assert "cheapest that fits: " in printed.err


def test_a_refusal_is_a_document_too(capsys: Captured) -> None:
    words = ["plan", "llama-3.3-70b-instruct", "--instance-type", V100, "-o", "json"]
    assert main(words) == 1
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["plan"] is None
    assert document["refusal"]["reason"] == "InsufficientMemory"
    assert document["refusal"]["fits"]
    assert printed.err.startswith("error: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("phi-5", "there is no model 'phi-5'\nhint: did you mean phi-4"),
        ("phi-4 --instance-type Standard_NC24ads_A100_v5", f"v5'\nhint: did you mean {A100}"),
        ("phi-4 --context 64k", "65536 tokens is asked for, the model was made for 16384"),
        ("phi-4 --tensor-parallel-size 3", "tensor-parallel-size 3 does not divide"),
        ("phi-4 --instance-type Standard_NG32ads_V620_v1", "V620 is AMD's"),
        ("deepseek-v3.2 --cloud arc", "deepseek-v3.2 needs"),
        ("phi-4 --concurrency 100000", "100000 x"),
        ("some/model", "$HF_HUB_OFFLINE forbids asking the hub\nhint: plan a folder"),
        ("./none", "model folder 'none' does not exist"),
        ("/dev/null", "model folder '/dev/null' is not a folder"),
        ("-f none.yaml", "file 'none.yaml' does not exist"),
    ],
)
def test_what_cannot_be_planned_says_why_and_what_next(
    words: str,
    said: str,
    capsys: Captured,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["plan", *words.split(), "--state-dir", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") <= 2
    assert printed.out == ""


@pytest.mark.parametrize(
    "words",
    [
        "",
        "phi-4 -f x.yaml",
        "phi-4 --cloud mars",
        "phi-4 --context -1",
        "phi-4 --context=-1",
        "phi-4 --context many",
        "phi-4 --concurrency 0",
        "phi-4 --gpu-memory-utilization 90",
        "phi-4 --runtime tgi",
        "phi-4 --compat kaito-0.11",
        "phi-4 phi-3",
    ],
)
def test_a_wrong_call_is_status_2_with_a_hint(words: str, capsys: Captured) -> None:
    assert main(["plan", *words.split()]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert "\nhint: " in printed.err
    assert printed.out == ""


def test_a_folder_is_planned_by_its_own_files(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "My-Model"
    folder.mkdir()
    (folder / "config.json").write_text(
        '{"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 2, "hidden_size": 64,'
        ' "num_attention_heads": 4, "max_position_embeddings": 2048}'
    )
    header = b'{"w": {"dtype": "BF16", "shape": [8], "data_offsets": [0, 16]}}'
    weights = len(header).to_bytes(8, "little") + header + bytes(16)
    (folder / "model.safetensors").write_bytes(weights)
    document = _json(capsys, str(folder), "--instance-type", A100)
    assert (document["model"], document["plan"]["contextTokens"]) == ("my-model", 2048)


def test_a_manifest_is_planned_with_the_configmap_beside_it(
    tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(f"{_workspace(config='params')}---\n{CONFIG}")
    (answer,) = _json(capsys, "-f", str(path))["plans"]
    plan = answer["plan"]
    assert answer["where"] == f"{path}:1: workspace 'one'"
    assert (plan["contextTokens"], plan["gpuMemoryUtilization"]) == (8192, 0.5)
    assert plan["instanceType"] == A100
    larger = "Standard_NC48ads_A100_v4"
    words = ("-f", str(path), "--context", "2k", "--instance-type", larger)
    (answer,) = _json(capsys, *words)["plans"]
    plan = answer["plan"]
    assert (plan["contextTokens"], plan["gpuMemoryUtilization"]) == (2048, 0.5)
    assert plan["instanceType"] == larger


def test_a_configmap_that_is_elsewhere_is_said(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(_workspace(config="params"))
    assert main(["plan", "-f", str(path)]) == 0
    printed = capsys.readouterr()
    assert "ConfigMap 'params' is not in these files; planned without it" in printed.err
    assert printed.out.startswith(f"{path}:1: workspace 'one': phi-4\n")


def test_the_old_version_gets_the_machine_that_a_server_would_fill_in(
    tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(_workspace(version="v1alpha1", instance="null"))
    (answer,) = _json(capsys, "-f", str(path))["plans"]
    assert answer["plan"]["instanceType"] == A100
    assert answer["ranking"] == []
    path.write_text(_workspace(instance="null"))
    (answer,) = _json(capsys, "-f", str(path))["plans"]
    assert answer["ranking"]


def test_a_gated_model_without_a_secret_is_refused_in_validation_s_words(
    tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(_workspace("llama-3.1-8b-instruct"))
    assert main(["validate", "-f", str(path)]) == 1
    validated = capsys.readouterr().err.splitlines()[0]
    assert "modelAccessSecret" in validated
    assert main(["plan", "-f", str(path)]) == 1
    assert capsys.readouterr().err.splitlines()[0] == validated


def test_what_has_nothing_to_plan_is_said(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(CONFIG)
    assert main(["plan", "-f", str(path)]) == 1
    assert "there is no Workspace to plan in" in capsys.readouterr().err
    template = "inference: {template: {spec: {containers: [{name: a, image: b}]}}}\n"
    path.write_text(_workspace().partition("inference:")[0] + template)
    assert main(["plan", "-f", str(path)]) == 1
    assert "workspace 'one' has no inference.preset and was not planned" in capsys.readouterr().err


def test_one_refusal_among_plans_shows_the_plans_and_fails(
    tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(f"{_workspace()}---\n{_workspace(name='two', instance=V100)}")
    assert main(["plan", "-f", str(path)]) == 1
    printed = capsys.readouterr()
    assert "workspace 'one': phi-4" in printed.out
    assert printed.err.startswith(f"error: {path}:11: workspace 'two': phi-4 ")


def test_a_bare_model_needs_neither_the_yaml_parser_nor_the_wire_types() -> None:

    script = (
        "import sys; from kaito.cli.program import main;"
        f"main(['plan', 'phi-4', '--instance-type', '{A100}']);"
        "print(*sorted({'yaml', 'msgspec', 'asyncio', 'aiohttp'} & set(sys.modules)), "
        "file=sys.stderr)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stderr.strip() == ""
