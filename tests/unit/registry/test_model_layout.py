"""Packing a model: what the layout says, and what packing again does not do again."""

import json
from pathlib import Path

import pytest

from kaito.registry.errors import RegistryError
from kaito.registry.model_layout import (
    MODEL_TYPE,
    Label,
    choose_files,
    describe_model,
    is_layout,
    read_layout,
    write_layout,
)
from kaito.registry.progress import Unwatched


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    header = json.dumps({"w": {"dtype": "U8", "shape": [250], "data_offsets": [0, 250]}}).encode()
    content = len(header).to_bytes(8, "little") + header + bytes(range(250))
    (folder / "model.safetensors").write_bytes(content)
    config = {"architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "lock").write_bytes(b"")
    return folder


async def pack(model: Path, layout: Path, *, chunk_bytes: int = 1 << 30) -> str:
    files = choose_files(model)
    label = Label(annotations={"a": "b"}, tag="r.io/a:1", chunk_bytes=chunk_bytes)
    config = describe_model(model, "phi", files)
    return await write_layout(layout, files, config, label=label, progress=Unwatched())


async def test_a_layout_lists_a_models_files_and_says_what_it_is(
    model: Path, tmp_path: Path
) -> None:
    layout = tmp_path / "layout"
    digest = await pack(model, layout)
    assert is_layout(layout)
    manifest, blobs, tag = read_layout(layout)
    assert [layer.title for layer in manifest.layers] == ["config.json", "model.safetensors"]
    assert (manifest.kind, manifest.annotations, tag) == (MODEL_TYPE, {"a": "b"}, "r.io/a:1")
    assert digest == json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"]
    path = blobs[-1].path
    assert path is not None
    facts = json.loads(path.read_bytes())
    assert (facts["name"], facts["architectures"]) == ("phi", ["Phi3ForCausalLM"])


async def test_whole_files_take_no_room_of_their_own(model: Path, tmp_path: Path) -> None:
    await pack(model, tmp_path / "layout")
    assert (model / "model.safetensors").stat().st_nlink == 2


async def test_a_large_file_is_cut_into_parts_that_make_it_again(
    model: Path, tmp_path: Path
) -> None:
    await pack(model, tmp_path / "layout", chunk_bytes=100)
    manifest, blobs, _ = read_layout(tmp_path / "layout")
    parts = [
        blob.path.read_bytes()
        for blob in blobs
        if blob.path and blob.name.startswith("model.safetensors.part-")
    ]
    assert b"".join(parts) == (model / "model.safetensors").read_bytes()
    assert all(layer.size <= 100 for layer in manifest.layers)


async def test_packing_again_is_the_same_and_a_change_replaces_what_it_changes(
    model: Path, tmp_path: Path
) -> None:
    layout = tmp_path / "layout"
    first = await pack(model, layout)
    before = {path.name: path.stat().st_ino for path in (layout / "blobs/sha256").iterdir()}
    assert await pack(model, layout) == first
    assert {p.name: p.stat().st_ino for p in (layout / "blobs/sha256").iterdir()}.keys() == (
        before.keys()
    )
    (model / "config.json").write_text('{"architectures": ["Other"]}')
    assert await pack(model, layout) != first
    assert len(list((layout / "blobs/sha256").iterdir())) == len(before)


async def test_a_layout_that_lost_a_blob_is_not_pushed(model: Path, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    await pack(model, layout)
    manifest, _, _ = read_layout(layout)
    (layout / "blobs/sha256" / manifest.layers[1].digest.removeprefix("sha256:")).unlink()
    with pytest.raises(RegistryError, match="is missing or not"):
        read_layout(layout)


def test_what_is_no_layout_is_said(tmp_path: Path) -> None:
    assert not is_layout(tmp_path)
    with pytest.raises(RegistryError, match="is not a complete image layout"):
        read_layout(tmp_path)
