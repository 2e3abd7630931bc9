"""`kaito validate -f`: the rules of the API server, over files."""

from pathlib import Path

import pytest

from kaito.cli.program import main

GOOD = """
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: w}
resource: {labelSelector: {matchLabels: {apps: w}}}
inference:
  preset: {name: phi-4}
  config: c
"""
CONFIG = """---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data:
  inference_config.yaml: "vllm: {max-model-len: LENGTH}"
"""


def judged(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    code = main(["validate", "-f", str(path)])
    said = capsys.readouterr()
    return code, said.out.replace(str(path), "F"), said.err.replace(str(path), "F")


def test_what_is_right_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert judged(tmp_path, GOOD, capsys) == (0, "F:2: workspace 'w' is valid\n", "")


def test_everything_wrong_is_said_with_file_line_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = GOOD.replace("phi-4", "phi-44").replace("apps: w", "kaito.sh/workspace: w")
    code, out, err = judged(tmp_path, text, capsys)
    assert (code, out) == (1, "")
    first, second = err.splitlines()
    assert "F:2: workspace 'w': resource.labelSelector: matchLabels must contain" in first
    assert "F:2: workspace 'w': inference.preset.name: Unsupported inference preset" in second


def test_a_configmap_of_the_same_file_is_judged_with_what_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = judged(tmp_path, GOOD + CONFIG.replace("LENGTH", "4096"), capsys)
    assert (code, err) == (0, "")
    assert out == "F:2: workspace 'w' is valid\n"
    code, _, err = judged(tmp_path, GOOD + CONFIG.replace("LENGTH", "99999"), capsys)
    assert code == 1
    assert "inference.config: inference_config.yaml of ConfigMap default/c: max-model-len" in err


def test_a_configmap_of_another_namespace_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    far = CONFIG.replace("LENGTH", "99999").replace("name: c", "name: c, namespace: far")
    assert judged(tmp_path, GOOD + far, capsys)[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("v1beta1", "v1beta2", "apiVersion: there is no version 'v1beta2'; did you mean v1beta1"),
        ("inference:", "inferense:", "unknown field 'inferense'"),
        ("{matchLabels: {apps: w}}", "3", "resource.labelSelector: Invalid value"),
    ],
)
def test_what_the_schema_refuses_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    code, _, err = judged(tmp_path, GOOD.replace(old, new), capsys)
    assert code == 1
    assert said in err


def test_other_kinds_are_named_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
    code, out, err = judged(tmp_path, text, capsys)
    assert (code, out) == (0, "")
    assert "F:1: secret 's' is not one of ours and was not checked" in err
