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
