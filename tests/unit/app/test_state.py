"""The state folder: made whole or refused, and used by one plane at a time."""

from pathlib import Path

import pytest

from kaito.app.state import (
    LAYOUT_VERSION,
    PlaneAddress,
    PlaneLock,
    StateFolder,
    choose_state_folder,
)
from kaito.base.errors import KaitoError


def test_a_folder_is_made_with_its_version_last_and_only_for_its_owner(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "new" / "state")
    state.prepare()
    assert state.version_file.read_text() == f"{LAYOUT_VERSION}\n"
    assert state.root.stat().st_mode & 0o077 == 0
    state.prepare()


def test_a_newer_layout_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("99\n")
    with pytest.raises(KaitoError, match="layout '99'") as refused:
        StateFolder(tmp_path).prepare()
    assert "newer kaito" in refused.value.hint
    assert [file.name for file in tmp_path.iterdir()] == ["VERSION"]


def test_a_folder_whose_making_was_interrupted_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "VERSION").write_text("")
    state = StateFolder(tmp_path)
    state.prepare()
    assert state.models.is_dir()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("")
    with pytest.raises(KaitoError, match="cannot be written"):
        StateFolder(occupied / "state").prepare()


def test_the_second_plane_learns_who_has_the_folder(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    state.prepare()
    assert state.running() is None
    first = PlaneLock(state)
    first.acquire()
    first.publish(PlaneAddress(pid=4711, url="https://127.0.0.1:1"))
    assert state.running() == PlaneAddress(pid=4711, url="https://127.0.0.1:1")
    with pytest.raises(KaitoError, match="process 4711"):
        PlaneLock(state).acquire()
    first.release()
    assert state.running() is None
    second = PlaneLock(state)
    second.acquire()
    second.release()


def test_a_lock_file_in_the_middle_of_being_written_is_no_error(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    state.prepare()
    lock = PlaneLock(state)
    lock.acquire()
    state.lock_file.write_bytes(b'{"pid":')
    assert state.running() == PlaneAddress(pid=0)
    lock.release()


def test_a_socket_path_never_exceeds_what_the_kernel_takes(tmp_path: Path) -> None:
    deep = StateFolder(tmp_path / ("d" * 90) / "state")
    assert len(str(deep.socket)) < 104
    assert deep.socket != StateFolder(tmp_path / ("e" * 90) / "state").socket


def test_the_folder_is_the_given_one_else_the_environments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KAITO_STATE_DIR", str(tmp_path / "env"))
    assert choose_state_folder(str(tmp_path / "given")).root == tmp_path / "given"
    assert choose_state_folder().root == tmp_path / "env"
