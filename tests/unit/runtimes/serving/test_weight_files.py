"""Weights that cannot be loaded are refused before the engine starts."""

import json
from pathlib import Path

import pytest

from kaito.api.runtime import ExitCode
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.weight_files import require_weights


def write_weights(path: Path, *, lacks: int = 0) -> None:
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
        }
    ).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(16)
    path.write_bytes(content[: len(content) - lacks])


def refusal(folder: Path, load_format: str = "") -> Ending:
    with pytest.raises(Ending) as caught:
        require_weights(str(folder), load_format)
    assert caught.value.code is ExitCode.INVALID_DATA
    assert "\n" not in caught.value.line
    return caught.value


def test_whole_weights_pass(tmp_path: Path) -> None:
    write_weights(tmp_path / "model.safetensors")
    require_weights(str(tmp_path))


@pytest.mark.parametrize("lacks", [1, 16, 60])
def test_weights_that_are_cut_off_are_named(tmp_path: Path, lacks: int) -> None:
    write_weights(tmp_path / "model.safetensors", lacks=lacks)
    assert "model.safetensors" in refusal(tmp_path).line
    assert "truncated" in refusal(tmp_path).line
    assert "fetched again" in refusal(tmp_path).line


def test_what_is_no_safetensors_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{]")
    assert "has no safetensors header" in refusal(tmp_path).line
    (tmp_path / "model.safetensors").write_bytes(b"version https://git-lfs")
    assert "no safetensors" in refusal(tmp_path).line


def test_a_file_that_the_index_names_must_be_there(tmp_path: Path) -> None:
    write_weights(tmp_path / "a.safetensors")
    index = {"weight_map": {"w": "a.safetensors", "x": "b.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "names 'b.safetensors', which is not there" in refusal(tmp_path).line


def test_pickled_weights_are_loaded_only_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    assert "kaito.sh/allow-pickle" in refusal(tmp_path).line
    require_weights(str(tmp_path), "pt")


def test_what_is_streamed_is_judged_as_what_is_read(tmp_path: Path) -> None:
    write_weights(tmp_path / "model.safetensors", lacks=1)
    assert "truncated" in refusal(tmp_path, "runai_streamer").line


def test_what_an_engine_invents_is_its_own_matter(tmp_path: Path) -> None:
    write_weights(tmp_path / "model.safetensors", lacks=1)
    require_weights(str(tmp_path), "dummy")
    require_weights("some/hub-id")
