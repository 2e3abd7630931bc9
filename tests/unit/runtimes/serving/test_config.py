"""`inference_config.yaml`: what is for the engine, and what is wrong with it in one line."""

from pathlib import Path

import pytest

from kaito.api.runtime import ExitCode
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.config import read_options

KAITO_EXAMPLE = """
max_probe_steps: 6
vllm:
  cpu-offload-gb: 0
  gpu-memory-utilization: 0.95
  enable-prefix-caching: false
"""


def test_kaitos_own_files_are_taken_with_their_types(tmp_path: Path) -> None:
    path = tmp_path / "inference_config.yaml"
    path.write_text(KAITO_EXAMPLE)
    assert read_options(str(path), "vllm") == {
        "cpu-offload-gb": 0,
        "gpu-memory-utilization": 0.95,
        "enable-prefix-caching": False,
    }
    assert read_options(str(path), "transformers") == {}


@pytest.mark.parametrize("text", ["", "vllm:\n", "vllm: {}"])
def test_nothing_said_is_no_options(tmp_path: Path, text: str) -> None:
    path = tmp_path / "inference_config.yaml"
    path.write_text(text)
    assert read_options(str(path), "vllm") == {}
    assert read_options("", "vllm") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vlm: {}", "unknown key 'vlm'; did you mean vllm?"),
        ("vllm: [1", "is not YAML (line 1)"),
        ("- vllm", "must be a map"),
        ("vllm: fast", "not a map of engine options"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "inference_config.yaml"
    path.write_text(text)
    with pytest.raises(Ending) as caught:
        read_options(str(path), "vllm")
    assert caught.value.code is ExitCode.CONFIG
    assert message in caught.value.line


def test_a_missing_file_is_one_line() -> None:
    with pytest.raises(Ending, match=r"inference_config\.yaml cannot be read: No such file"):
        read_options("/nowhere/inference_config.yaml", "vllm")
