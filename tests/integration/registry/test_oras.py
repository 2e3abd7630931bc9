"""What `oras` pushes we pull, and what we push `oras` pulls."""

from pathlib import Path

import oras.client
import pytest
from registry_clients import Counted, read_files, talking, write_files

from kaito.registry import push
from kaito.registry.content import pull_content, push_content
from kaito.registry.reference import parse_reference

CONTENTS = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 4096}


@pytest.fixture
def client(debian: str) -> oras.client.OrasClient:
    return oras.client.OrasClient(hostname=debian, insecure=True)


async def test_what_oras_pushes_we_pull(
    debian: str,
    client: oras.client.OrasClient,
    tmp_path: Path,
    progress: Counted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = tmp_path / "from"
    write_files(source, {**CONTENTS, "folder/inner": b"inner"})
    # It names a layer by the path that it was given.
    monkeypatch.chdir(source)
    target = f"{debian}/tests/from-oras:1"
    client.push(target, files=["config.json", "model.safetensors", "folder"])
    async with talking() as registry:
        await pull_content(registry, parse_reference(target), tmp_path / "to", progress=progress)
    assert read_files(tmp_path / "to") == {**CONTENTS, "folder/inner": b"inner"}


async def test_what_we_push_oras_pulls(
    debian: str, client: oras.client.OrasClient, tmp_path: Path, progress: Counted
) -> None:
    files = write_files(tmp_path / "from", CONTENTS)
    target = f"{debian}/tests/to-oras:1"
    async with talking() as registry:
        await push_content(
            registry, parse_reference(target), files, artifact_type="a/b", annotations={},
            progress=progress,
        )  # fmt: skip
    client.pull(target, outdir=str(tmp_path / "to"))
    assert read_files(tmp_path / "to") == CONTENTS


async def test_parts_of_a_large_file_lie_side_by_side_for_oras_and_are_one_file_for_us(
    debian: str,
    client: oras.client.OrasClient,
    tmp_path: Path,
    progress: Counted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push, "CHUNK_BYTES", 400_000)
    files = write_files(tmp_path / "from", CONTENTS)
    reference = parse_reference(f"{debian}/tests/parts:1")
    async with talking() as registry:
        await push_content(
            registry, reference, files, artifact_type="a/b", annotations={}, progress=progress
        )
        await pull_content(registry, reference, tmp_path / "ours", progress=progress)
    assert read_files(tmp_path / "ours") == CONTENTS
    client.pull(str(reference), outdir=str(tmp_path / "theirs"))
    theirs = read_files(tmp_path / "theirs")
    parts = [theirs[f"model.safetensors.part-{number:04d}"] for number in range(3)]
    assert b"".join(parts) == CONTENTS["model.safetensors"]
