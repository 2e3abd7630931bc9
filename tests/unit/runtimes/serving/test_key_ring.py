"""Keys in a folder, as Kubernetes mounts and swaps them."""

from pathlib import Path

import pytest

from kaito.base.clock import ManualClock
from kaito.runtimes.serving.key_ring import KeyRing, find_key


async def test_each_file_is_a_key_and_the_newline_an_editor_adds_is_not(tmp_path: Path) -> None:
    (tmp_path / "alice").write_text("sk-1\n")
    (tmp_path / "bob").write_text("sk-2")
    ring = KeyRing(tmp_path, ManualClock())
    assert [ring.accepts(key) for key in (b"sk-1", b"sk-2", b"sk-3", b"")] == [
        True,
        True,
        False,
        False,
    ]


async def test_keys_rotate_within_a_second(tmp_path: Path) -> None:
    clock = ManualClock()
    # A mounted Secret: files are links into a folder whose link is swapped.
    for name, key in (("..1", "old"), ("..2", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(key)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "key").symlink_to("..data/key")
    ring = KeyRing(tmp_path, clock)
    assert ring.accepts(b"old")
    (tmp_path / "..data").unlink()
    (tmp_path / "..data").symlink_to("..2")
    assert ring.accepts(b"old")
    await clock.advance(1.0)
    assert ring.accepts(b"new")
    assert not ring.accepts(b"old")


@pytest.mark.parametrize("exists", [True, False], ids=["empty", "missing"])
async def test_a_folder_without_keys_lets_nobody_in(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "keys"
    if exists:
        folder.mkdir()
        (folder / "blank").write_text("\n")
    ring = KeyRing(folder, ManualClock())
    assert len(ring) == 0
    assert not ring.accepts(b"")


async def test_a_missing_secret_that_comes_later_is_used(tmp_path: Path) -> None:
    clock = ManualClock()
    ring = KeyRing(tmp_path / "keys", clock)
    assert not ring.accepts(b"k")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "k").write_text("k")
    await clock.advance(1.0)
    assert ring.accepts(b"k")


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([(b"authorization", b"Bearer a")], b"a"),
        ([(b"authorization", b"bearer  a ")], b"a"),
        ([(b"x-api-key", b"a")], b"a"),
        ([(b"authorization", b"Basic a")], b""),
        ([], b""),
    ],
)
def test_a_key_is_found_as_both_kinds_of_client_send_it(
    headers: list[tuple[bytes, bytes]], key: bytes
) -> None:
    assert find_key(headers) == key
