"""Volumes as folders: their contents, modes, changes and end."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.local.node.pods import PLACE, Known, make_pod

from kaito.api.meta import Key
from kaito.local.node.errors import NotMountable
from kaito.local.node.volume_files import Referent
from kaito.local.node.volumes import Volumes


def prepare(folder: Path, source: dict[str, Any], **known: Any) -> Path:
    volumes = Volumes(folder, memory=folder / "shm")
    pod = make_pod(volumes=[{"name": "v", **source}], meta={"labels": {"b": "2", "a": '"1"'}})
    return volumes.prepare(Referent(pod=pod, place=PLACE, sources=Known(**known)))["v"]


def contents(folder: Path) -> dict[str, str]:
    """What a program sees: the visible names, links followed."""
    names = (path for path in sorted(folder.iterdir()) if not path.name.startswith(".."))
    return {path.name: path.read_text() for path in names}


def test_a_config_map_becomes_files(tmp_path: Path) -> None:
    source = {"configMap": {"name": "c", "defaultMode": 0o600}}
    folder = prepare(tmp_path, source, config_maps={"c": {"a": "1", "b": "2"}})
    assert contents(folder) == {"a": "1", "b": "2"}
    assert (folder / "a").stat().st_mode & 0o777 == 0o600


def test_a_change_replaces_all_files_at_once(tmp_path: Path) -> None:
    source = {"configMap": {"name": "c"}}
    folder = prepare(tmp_path, source, config_maps={"c": {"a": "1", "b": "2"}})
    before = (folder / "..data").readlink()
    assert prepare(tmp_path, source, config_maps={"c": {"a": "1", "b": "2"}}) == folder
    assert (folder / "..data").readlink() == before
    prepare(tmp_path, source, config_maps={"c": {"a": "new", "z": "3"}})
    assert contents(folder) == {"a": "new", "z": "3"}
    assert not (folder / before).exists()


def test_labels_become_a_file_of_lines(tmp_path: Path) -> None:
    item = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    folder = prepare(tmp_path, {"downwardAPI": {"items": [item]}})
    assert contents(folder) == {"labels": 'a="\\"1\\""\nb="2"'}


def test_memory_is_used_where_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "shm").mkdir()
    assert prepare(tmp_path, {"emptyDir": {"medium": "Memory"}}) == tmp_path / "shm/kaito-u-1/v"
    assert prepare(tmp_path, {"emptyDir": {}}) == tmp_path / "pods/u-1/volumes/v"


def test_a_pods_volumes_go_with_it_and_a_claim_stays(tmp_path: Path) -> None:
    (tmp_path / "shm").mkdir()
    volumes = Volumes(tmp_path, memory=tmp_path / "shm")
    own = prepare(tmp_path, {"emptyDir": {"medium": "Memory"}})
    claim = {"persistentVolumeClaim": {"claimName": "disk"}}
    kept = prepare(tmp_path, claim, claims=("disk",))
    volumes.remove("u-1")
    assert not own.exists()
    assert kept.exists()
    volumes.remove_claim(Key("shop", "disk"))
    assert not kept.exists()


@pytest.mark.parametrize(
    ("kind", "exists"),
    [("DirectoryOrCreate", True), ("FileOrCreate", True), ("Directory", False), ("", False)],
)
def test_a_host_path_is_made_only_where_its_type_says_so(
    tmp_path: Path, kind: str, exists: bool
) -> None:
    source = {"hostPath": {"path": str(tmp_path / "here"), "type": kind}}
    if exists:
        assert prepare(tmp_path, source).exists()
    else:
        with pytest.raises(NotMountable, match="hostPath type check failed"):
            prepare(tmp_path, source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
        (
            {"secret": {"secretName": "s", "items": [{"key": "no", "path": "p"}]}},
            "secret shop/s references non-existent key: no",
        ),
        (
            {"secret": {"secretName": "s", "items": [{"key": "k", "path": "../p"}]}},
            "must be relative and without",
        ),
        (
            {"persistentVolumeClaim": {"claimName": "none"}},
            'persistentvolumeclaim "none" not found',
        ),
        ({"nfs": {"server": "a"}}, "its source is none that this machine can stand for"),
    ],
)
def test_a_volume_that_cannot_be_made_is_named(
    tmp_path: Path, source: dict[str, Any], message: str
) -> None:
    with pytest.raises(NotMountable, match=r'volume "v" : ') as caught:
        prepare(tmp_path, source, secrets={"s": {"k": "v"}})
    assert message in str(caught.value)


def test_an_optional_source_may_be_missing(tmp_path: Path) -> None:
    assert contents(prepare(tmp_path, {"configMap": {"name": "no", "optional": True}})) == {}
