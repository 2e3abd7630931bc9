"""The server's program: a mistake ends it at once, with a code and a termination message."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kaito.api.runtime import ENV_TERMINATION_LOG, ExitCode


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["--model=/nowhere"], ExitCode.UNAVAILABLE, "no model in /nowhere"),
        (["--modle=/x"], ExitCode.USAGE, "did you mean --model"),
        (["--model=org/m", "--config-file=/nowhere"], ExitCode.CONFIG, "cannot be read"),
    ],
)
def test_a_mistake_is_known_before_any_engine_is_loaded(
    tmp_path: Path, argv: list[str], code: ExitCode, message: str
) -> None:
    written = tmp_path / "message"
    done = subprocess.run(
        [sys.executable, "-m", "kaito.runtimes.serving", *argv],
        env={**os.environ, ENV_TERMINATION_LOG: str(written)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == code
    assert message in written.read_text()
    assert message in done.stderr


def test_a_server_that_is_stopped_while_it_starts_takes_its_temporary_folder_with_it(
    tmp_path: Path,
) -> None:
    options = tmp_path / "options"
    os.mkfifo(options)  # reading it takes until somebody writes
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    argv = [f"--model={tmp_path / 'model'}", f"--config-file={options}"]
    with subprocess.Popen(
        [sys.executable, "-m", "kaito.runtimes.serving", *argv], stderr=subprocess.DEVNULL
    ) as process:
        try:
            writer = open_for_writing(options, process)
            scratch = scratch_of(process)
            assert scratch.is_dir()
            process.terminate()
            assert process.wait(30) == ExitCode.OK
            os.close(writer)
        finally:
            process.kill()
    assert not scratch.exists()


def open_for_writing(fifo: Path, process: subprocess.Popen[bytes]) -> int:
    """The other end of what the process reads, once it does."""
    while process.poll() is None:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            continue  # nobody reads yet
    pytest.fail(f"the server ended with {process.returncode}")


def scratch_of(process: subprocess.Popen[bytes]) -> Path:
    """The folder that the process holds a lock on."""
    found = [entry.readlink() for entry in Path(f"/proc/{process.pid}/fd").iterdir()]
    (scratch,) = (path for path in found if path.name.startswith("kaito-run-"))
    return scratch
