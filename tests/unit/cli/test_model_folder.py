"""Folders that hold a model, and those that only say so."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kaito.base.errors import KaitoError
from kaito.cli.model_folder import read_model_folder

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "max_position_embeddings": 2048,
}
INDEX = "model.safetensors.index.json"


def _safetensors(elements: int = 8, name: str = "model.layers.0.w") -> bytes:
    entry = {"dtype": "BF16", "shape": [elements], "data_offsets": [0, 2 * elements]}
    header = json.dumps({name: entry}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(2 * elements)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole, tiny model."""
    root = tmp_path / "model"
    root.mkdir()
    (root / "config.json").write_text(json.dumps(CONFIG))
    (root / "model.safetensors").write_bytes(_safetensors())
    return root


def _problem(folder: Path) -> str:
    with pytest.raises(KaitoError) as raised:
        read_model_folder(folder)
    text = str(raised.value)
    assert text.startswith(f"model folder {str(folder)!r}")
    assert "\n" not in text
    assert raised.value.hint
    return text


def test_a_folder_gives_the_facts_of_its_files(folder: Path) -> None:
    facts = read_model_folder(folder)
    assert (facts.architecture, facts.weights_bytes) == ("LlamaForCausalLM", 16)
    assert (facts.layers, facts.context_tokens) == (2, 2048)


def test_shards_of_an_index_are_counted_together(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    for number in (1, 2):
        shard = folder / f"model-0000{number}-of-00002.safetensors"
        shard.write_bytes(_safetensors(name=f"model.layers.{number - 1}.w"))
    shards = {f"w{n}": f"model-0000{n}-of-00002.safetensors" for n in (1, 2)}
    (folder / INDEX).write_text(json.dumps({"weight_map": shards}))
    assert read_model_folder(folder).weights_bytes == 32
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert "names 'model-00002-of-00002.safetensors', which is not there" in _problem(folder)


def test_mistral_s_own_format_is_read_where_there_is_nothing_else(tmp_path: Path) -> None:
    params = {
        "dim": 64,
        "n_layers": 2,
        "n_heads": 4,
        "n_kv_heads": 2,
        "head_dim": 16,
        "hidden_dim": 128,
        "norm_eps": 1e-5,
        "vocab_size": 100,
    }
    (tmp_path / "params.json").write_text(json.dumps(params))
    (tmp_path / "consolidated.safetensors").write_bytes(_safetensors())
    assert read_model_folder(tmp_path).layers == 2


def test_links_within_the_hub_s_cache_are_followed(folder: Path, tmp_path: Path) -> None:
    cached = tmp_path / "models--a--b"
    (cached / "blobs").mkdir(parents=True)
    snapshot = cached / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (folder / name).rename(cached / "blobs" / name)
        (snapshot / name).symlink_to(Path("..", "..", "blobs", name))
    assert read_model_folder(snapshot).weights_bytes == 16


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    assert f"{name} is a link that leads out of the folder" in _problem(folder)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("config.json", "there is no config.json"),
        ("model.safetensors", "model.safetensors is not a file"),
    ],
)
def test_what_would_block_for_ever_is_not_opened(folder: Path, name: str, said: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert said in _problem(folder)


def test_a_missing_folder_a_file_and_an_empty_folder_are_told_apart(tmp_path: Path) -> None:
    assert "does not exist" in _problem(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    assert "is not a folder" in _problem(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert "there is no config.json" in _problem(tmp_path / "empty")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", b"\x00\xff\x00", "config.json is not JSON"),
        ("config.json", b"[]", "config.json is not an object"),
        ("config.json", b"{" * 100_000, "config.json is"),
        ("config.json", b'{"num_hidden_layers": 1e400}', "config.json"),
        ("model.safetensors", b"", "model.safetensors: safetensors file of 0 bytes is too short"),
        ("model.safetensors", b"\xff" * 64, "model.safetensors: safetensors header of"),
        ("model.safetensors", b"\x40" + bytes(7), "model.safetensors: safetensors file is cut off"),
        ("model.safetensors", _safetensors()[:-1], "model.safetensors: safetensors file has"),
        (INDEX, b'{"weight_map": {"w": "../../etc/passwd"}}', "index.json leads out of the folder"),
        (INDEX, b'{"weight_map": {"w": "/etc/passwd"}}', "index.json leads out of the folder"),
        (INDEX, b'{"weight_map": 3}', "index.json has no weight_map"),
        (INDEX, b"{", "index.json is not JSON"),
    ],
)
def test_a_hostile_file_is_one_line_that_names_it(
    folder: Path, name: str, content: bytes, said: str
) -> None:
    (folder / name).write_bytes(content)
    assert said in _problem(folder)


def test_a_gigantic_header_is_refused_before_it_is_read(folder: Path) -> None:
    weights = folder / "model.safetensors"
    with weights.open("wb") as file:
        file.write((2**40).to_bytes(8, "little"))
        file.truncate(2**41)
    assert "header of 1099511627776 bytes is longer than" in _problem(folder)


def test_a_gigantic_configuration_is_refused_before_it_is_read(folder: Path) -> None:
    with (folder / "config.json").open("wb") as file:
        file.truncate(2**40)
    assert "config.json has 1099511627776 bytes, more than" in _problem(folder)


def test_no_weights_are_named(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert "there are no weights" in _problem(folder)
