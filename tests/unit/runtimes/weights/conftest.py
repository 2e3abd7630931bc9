"""A model folder such as `from_pretrained` takes, small and without meaning."""

import io
import json
from pathlib import Path

import pytest

from kaito.base.clock import SystemClock
from kaito.runtimes.weights.progress import Reporter


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that holds a Phi-3 as far as its files tell."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"architectures": ["Phi3ForCausalLM"]}))
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)
    (folder / "tokenizer.json").write_text("{}")
    return folder


@pytest.fixture
def reporter() -> Reporter:
    """A reporter that nobody reads."""
    return Reporter(SystemClock(), io.StringIO())
