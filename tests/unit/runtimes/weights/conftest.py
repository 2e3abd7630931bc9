"""A model folder such as `from_pretrained` takes, small and without meaning."""

import io
import json
from pathlib import Path

import pytest

from kaito.base.clock import SystemClock
from kaito.runtimes.weights.progress import Reporter


def safetensors(size: int) -> bytes:
    """A file of one tensor of `size` bytes."""
    tensor = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
    header = json.dumps({"weight": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(size)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that holds a Phi-3 as far as its files tell."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": ["Phi3ForCausalLM"]}))
    (folder / "model.safetensors").write_bytes(safetensors(7000))
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture
def reporter() -> Reporter:
    """A reporter that nobody reads."""
    return Reporter(SystemClock(), io.StringIO())
