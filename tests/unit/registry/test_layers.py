"""Layers of an image applied in order: whiteouts, links, and names that lead out."""

import io
import tarfile
from pathlib import Path

import pytest

from kaito.registry.errors import RegistryError
from kaito.registry.layers import RootFolder

Entry = tuple[str, bytes | str]
"""A name with its content, or with the target of a symbolic link."""


def make_layer(path: Path, *entries: Entry, kind: bytes = tarfile.SYMTYPE) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            if isinstance(content, str):
                entry.type, entry.linkname = kind, content
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return path


def unpack(tmp_path: Path, *layers: Path) -> dict[str, bytes]:
    staging, folder = tmp_path / "staging", tmp_path / "folder"
    staging.mkdir()
    folder.mkdir()
    root = RootFolder(staging)
    for layer in layers:
        root.apply(layer, "")
    root.publish(folder)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_later_layers_win_and_whiteouts_remove(tmp_path: Path) -> None:
    first = make_layer(
        tmp_path / "1", ("data/a", b"1"), ("data/b", b"1"), ("data/sub/c", b"1"), ("etc/x", b"1")
    )
    second = make_layer(tmp_path / "2", ("data/a", b"2"), ("data/.wh.b", b""))
    third = make_layer(tmp_path / "3", ("data/sub/.wh..wh..opq", b""), ("data/sub/d", b"3"))
    assert unpack(tmp_path, first, second, third) == {"a": b"2", "sub/d": b"3"}


def test_a_whiteout_of_a_folder_above_counts(tmp_path: Path) -> None:
    first = make_layer(tmp_path / "1", ("data/a", b"1"), ("weights/w", b"1"))
    second = make_layer(tmp_path / "2", (".wh.data", b""))
    assert unpack(tmp_path, first, second) == {"w": b"1"}


def test_links_become_the_files_they_lead_to(tmp_path: Path) -> None:
    layer = make_layer(
        tmp_path / "1", ("data/blobs/x", b"1"), ("data/a", "blobs/x"), ("data/b", "/data/a")
    )
    assert unpack(tmp_path, layer) == {"blobs/x": b"1", "a": b"1", "b": b"1"}


@pytest.mark.parametrize("name", ["../evil", "data/../../evil", "/../evil"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RegistryError, match="leads out of the image"):
        unpack(tmp_path, make_layer(tmp_path / "1", (name, b"evil")))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_that_leads_out_is_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(RegistryError, match="leads out of the image"):
        unpack(tmp_path, make_layer(tmp_path / "1", ("data/a", "../../etc/passwd"), kind=kind))


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    layer = make_layer(tmp_path / "1", ("data/a", str(outside)), ("data/a/evil", b"evil"))
    unpack(tmp_path, layer)
    assert list(outside.iterdir()) == []


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="circle"):
        unpack(tmp_path, make_layer(tmp_path / "1", ("data/a", "b"), ("data/b", "a")))


def test_an_image_without_such_files_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="no files under any of /data, /workspace/weights"):
        unpack(tmp_path, make_layer(tmp_path / "1", ("etc/x", b"1")))


def test_what_is_no_tar_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(b"no tar" * 1000)
    with pytest.raises(RegistryError, match="is not the tar it says it is"):
        unpack(tmp_path, tmp_path / "1")


def test_more_than_the_caller_wants_is_refused_before_it_is_written(tmp_path: Path) -> None:
    layer = make_layer(
        tmp_path / "1", ("data/a", b"x" * 60), ("etc/large", b"x" * 999), ("data/b", b"x" * 41)
    )
    root = RootFolder(tmp_path / "staging", most_bytes=100)

    with pytest.raises(RegistryError) as caught:
        root.apply(layer, "")

    assert caught.value.kind == "too large"
    assert (tmp_path / "staging/data/a").exists()
    assert not (tmp_path / "staging/data/b").exists()
