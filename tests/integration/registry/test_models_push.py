"""`kaito models push` to a second repository: what the first has is not sent again."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from registry_double import RegistryDouble, digest_of

WEIGHTS = bytes(range(256)) * 4096
HEADER = json.dumps({"w": {"dtype": "U8", "shape": [1 << 20], "data_offsets": [0, 1 << 20]}})
TENSORS = len(HEADER).to_bytes(8, "little") + HEADER.encode() + WEIGHTS


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that is a model as far as a registry is concerned."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (folder / "model.safetensors").write_bytes(TENSORS)
    return folder


async def kaito(*words: str) -> None:
    """Run it beside the double, which lives in this process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "kaito", "models", *words,
        env={**os.environ, "DOCKER_CONFIG": "/nonexistent"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_the_second_repository_gets_its_blobs_from_the_first(
    double: RegistryDouble, model: Path, tmp_path: Path
) -> None:
    layout = str(tmp_path / "layout")
    await kaito("pack", str(model), "--output", layout)
    await kaito("push", layout, f"{double.host}/team/one:1")
    sent = double.counts["PUT"] + double.counts["PATCH"]
    await kaito("push", layout, f"{double.host}/team/two:1")
    assert ("team/two", digest_of(TENSORS)) in double.homes
    # The manifest alone.
    assert double.counts["PUT"] + double.counts["PATCH"] == sent + 1


@pytest.mark.parametrize("mounts", [True, False])
async def test_a_registry_that_refuses_to_mount_is_sent_the_bytes(
    double: RegistryDouble, model: Path, mounts: bool
) -> None:
    double.faults.mounts = mounts
    await kaito("push", str(model), f"{double.host}/team/one:1")
    before = double.counts["PUT"]
    await kaito("push", str(model), f"{double.host}/team/two:1", "--mount-from", "team/one")
    assert ("team/two", "1") in double.manifests
    assert ("team/two", digest_of(TENSORS)) in double.homes
    assert (double.counts["PUT"] > before + 1) is not mounts
