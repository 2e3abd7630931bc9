"""The last words of a program become the container's termination message."""

from pathlib import Path

import pytest

from kaito.api.runtime import ENV_TERMINATION_LOG, TERMINATION_MESSAGE_BYTES, ExitCode
from kaito.runtimes.ending import Ending, write_ending


def test_the_message_goes_to_the_named_file_and_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(ENV_TERMINATION_LOG, str(tmp_path / "log"))
    write_ending("weights are not there")
    assert (tmp_path / "log").read_text() == "weights are not there"
    assert capsys.readouterr().err == "weights are not there\n"


def test_a_long_message_is_cut_where_kubernetes_would_cut_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_TERMINATION_LOG, str(tmp_path / "log"))
    write_ending("é" * TERMINATION_MESSAGE_BYTES)
    assert len((tmp_path / "log").read_bytes()) <= TERMINATION_MESSAGE_BYTES
    assert set((tmp_path / "log").read_text()) == {"é"}


def test_an_ending_is_one_line_with_its_hint() -> None:
    ending = Ending("bad\n  option", ExitCode.CONFIG, hint="remove it")
    assert ending.line == "bad option; remove it"


def test_what_a_terminal_takes_for_a_command_is_left_out() -> None:
    ending = Ending("its columns are \x1b]0;gone\x07, \x9bname", ExitCode.INVALID_DATA)
    assert ending.line == "its columns are ]0;gone , name"
