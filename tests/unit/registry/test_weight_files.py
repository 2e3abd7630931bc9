"""Weights that are whole and safe to load, and those that are not."""

import json
from pathlib import Path

import pytest

from kaito.registry.weight_files import require_sound


def tensors(size: int) -> bytes:
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]},
        }
    ).encode()
    return len(header).to_bytes(8, "little") + header + bytes(size)


def test_whole_weights_are_sound(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(tensors(100))
    (tmp_path / "pytorch_model.bin").write_bytes(b"left out, for there are others")
    require_sound(tmp_path)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (tensors(100)[:-7], "model.safetensors is truncated: 7 of "),
        (tensors(100) + b"more", "has 4 bytes more than its header says"),
        (b"short", "truncated or no safetensors file: it has 5 bytes"),
        (b"\xff" * 100, "truncated or no safetensors file: it has 100 bytes"),
        ((3).to_bytes(8, "little") + b"[1]", "has no safetensors header"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_named(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=problem):
        require_sound(tmp_path)


def test_a_file_that_the_index_names_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "model-1.safetensors").write_bytes(tensors(1))
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match=r"names 'model-2\.safetensors', which is not there"):
        require_sound(tmp_path)


def test_pickles_are_refused_unless_asked_for(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ValueError, match="runs code when it is loaded"):
        require_sound(tmp_path)
    require_sound(tmp_path, allow_pickle=True)
