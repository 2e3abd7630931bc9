"""Facts of weights that lie in a folder."""

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from kaito.api.runtime import WEIGHTS_MANIFEST
from kaito.local.models import ModelsFolder

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "vocab_size": 10,
}


def write_model(folder: Path, *, elements: int, context: int = 256) -> None:
    folder.mkdir(exist_ok=True)
    size = elements * 2
    tensor = {"dtype": "BF16", "shape": [elements], "data_offsets": [0, size]}
    header = json.dumps({"model.layers.0.weight": tensor}).encode()
    (folder / "model.safetensors").write_bytes(
        struct.pack("<Q", len(header)) + header + bytes(size)
    )
    config = {**CONFIG, "max_position_embeddings": context}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / WEIGHTS_MANIFEST).write_text("{}")


def test_facts_come_from_the_files_themselves(tmp_path: Path) -> None:
    write_model(tmp_path / "small", elements=1000)
    facts = ModelsFolder(tmp_path).facts("small")
    assert facts is not None
    assert (facts.weights_bytes, facts.context_tokens) == (2000, 256)
    assert facts.kv_bytes_per_token == 2 * 2 * 2 * 16 * 2


def test_a_folder_without_its_manifest_is_not_there_yet(tmp_path: Path) -> None:
    write_model(tmp_path / "small", elements=10)
    (tmp_path / "small" / WEIGHTS_MANIFEST).unlink()
    assert ModelsFolder(tmp_path).facts("small") is None


def test_facts_are_read_again_when_the_weights_are_replaced(tmp_path: Path) -> None:
    models = ModelsFolder(tmp_path)
    write_model(tmp_path / "small", elements=10)
    assert models.facts("small") is not None
    write_model(tmp_path / "small", elements=10, context=512)
    os.utime(tmp_path / "small" / WEIGHTS_MANIFEST, ns=(1, 1))
    facts = models.facts("small")
    assert facts is not None
    assert facts.context_tokens == 512


@pytest.mark.parametrize("broken", ["config.json", "model.safetensors"])
def test_what_cannot_be_read_counts_as_absent(tmp_path: Path, broken: str) -> None:
    write_model(tmp_path / "small", elements=10)
    (tmp_path / "small" / broken).write_bytes(b"\xff")
    assert ModelsFolder(tmp_path).facts("small") is None
