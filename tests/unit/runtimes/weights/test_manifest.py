"""A folder is complete when its manifest is there and every listed file has its size."""

import hashlib
from pathlib import Path

import pytest

from kaito.api.runtime import WEIGHTS_MANIFEST
from kaito.runtimes.weights.errors import FolderInvalid
from kaito.runtimes.weights.manifest import Arrived, is_complete, read_record, write_record


def test_the_manifest_lists_every_file_with_its_size_and_sum(model: Path) -> None:
    write_record(model, key="phi", source="folder:/x", arrived=Arrived(revision="abc"))
    record = read_record(model)
    assert record is not None
    assert (record.key, record.source, record.revision) == ("phi", "folder:/x", "abc")
    weights = {file.name: file for file in record.files}["model.safetensors"]
    content = (model / "model.safetensors").read_bytes()
    assert weights.size == len(content)
    assert weights.sha256 == hashlib.sha256(content).hexdigest()
    assert is_complete(model)


def test_a_folder_without_a_manifest_is_not_complete(model: Path) -> None:
    assert not is_complete(model)


def test_a_missing_or_short_file_makes_the_folder_incomplete(model: Path) -> None:
    write_record(model, key="phi", source="folder:/x")
    (model / "model.safetensors").write_bytes(b"short")
    assert not is_complete(model)
    (model / "model.safetensors").unlink()
    assert not is_complete(model)


@pytest.mark.parametrize(
    "text", ["", "{", '{"formatVersion": 99, "key": "", "source": "", "files": []}']
)
def test_a_manifest_of_another_world_is_refused(model: Path, text: str) -> None:
    (model / WEIGHTS_MANIFEST).write_text(text)
    with pytest.raises(FolderInvalid):
        is_complete(model)
