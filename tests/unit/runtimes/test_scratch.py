"""A program's temporary folder goes with the program: real processes, ended in every way."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kaito.runtimes.scratch import (
    LONGEST_NAME,
    LONGEST_NAME_OF_RAY,
    choose_base,
    open_scratch,
    own_scratch,
    remove_abandoned,
)

# Leaves what an engine leaves, in a child process, says so, and waits for its end.
PROGRAM = """
import os, subprocess, sys, tempfile
from kaito.runtimes.scratch import own_scratch
with own_scratch(1):
    left = [sys.executable, "-c", "import tempfile; print(tempfile.mkdtemp(), flush=True)"]
    subprocess.run(left, check=True)
    sys.stdin.readline()
"""

FORKING = """
import os, sys
from pathlib import Path
from kaito.runtimes.scratch import open_scratch
scratch = open_scratch(Path(sys.argv[1]))
if not (child := os.fork()):
    scratch.remove()
    os._exit(0)
os.waitpid(child, 0)
print(scratch.path.is_dir())
scratch.remove()
print(scratch.path.exists())
"""


@contextmanager
def running(base: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that has left something in its temporary folder."""
    environment = {**os.environ, "TMPDIR": str(base)}
    environment.pop("TORCHINDUCTOR_CACHE_DIR", None)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        assert left.is_dir()
        assert left.parent.parent == base
        try:
            yield process
        finally:
            process.kill()


def test_what_a_program_leaves_goes_when_it_ends(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        process.communicate("end\n", timeout=30)
        assert process.returncode == 0
    assert not list(tmp_path.iterdir())


def test_what_a_killed_program_leaves_goes_when_another_starts(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert len(list(tmp_path.iterdir())) == 1
    with running(tmp_path) as process:
        assert len(list(tmp_path.iterdir())) == 1
        process.communicate("end\n", timeout=30)
    assert not list(tmp_path.iterdir())


def test_what_a_living_program_has_is_left_alone(tmp_path: Path) -> None:
    with running(tmp_path):
        (mine,) = tmp_path.iterdir()
        assert remove_abandoned(tmp_path) == ()
        assert list(mine.iterdir())


def test_a_child_that_was_forked_removes_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.split() == ["True", "False"]


def test_where_nothing_can_be_locked_one_folder_is_used_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refusing)
    scratch = open_scratch(tmp_path)
    assert list(tmp_path.iterdir()) == [scratch.path]
    assert remove_abandoned(tmp_path) == ()
    scratch.remove()
    assert not list(tmp_path.iterdir())


def test_where_new_files_are_somebody_elses_one_folder_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    scratch = open_scratch(tmp_path)
    assert list(tmp_path.iterdir()) == [scratch.path]
    scratch.remove()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_always_taken_ends_in_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: int) -> None:
        raise BlockingIOError(errno.EWOULDBLOCK, "Resource temporarily unavailable")

    monkeypatch.setattr(fcntl, "flock", refusing)
    with pytest.raises(OSError, match="removed at once by somebody else"):
        open_scratch(tmp_path)
    assert not list(tmp_path.iterdir())


def test_folders_of_other_names_and_links_are_nobodys_to_remove(tmp_path: Path) -> None:
    for name in ("kaito-run-mine", "kaito-run-0123456", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "kaito-run-00000000").symlink_to(tmp_path / "other")
    assert remove_abandoned(tmp_path) == ()
    assert (tmp_path / "other").is_dir()


def test_compile_caches_stay_where_a_second_start_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with own_scratch(1):
        first = os.environ["TORCHINDUCTOR_CACHE_DIR"]
    with own_scratch(1):
        assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == first
    assert Path(first).parent == tmp_path
    assert os.environ["TMPDIR"] == str(tmp_path)


def test_a_socket_with_the_longest_name_fits(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60)
    deep.mkdir()
    for longest in (LONGEST_NAME, LONGEST_NAME_OF_RAY):
        base = choose_base(str(deep), longest)
        assert len(f"{base}/kaito-run-01234567/") + longest <= 100
    assert choose_base(str(tmp_path), 0) == tmp_path
