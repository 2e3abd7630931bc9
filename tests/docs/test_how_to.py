"""The commands of a how-to page, run as a reader would."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-to" / "choose-a-gpu.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_works_without_a_cluster(command: str, tmp_path: Path) -> None:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=ROOT,
        env={**os.environ, "PATH": programs, "KAITO_STATE_DIR": str(tmp_path), "KUBECONFIG": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expects_refusal = command.endswith("|| true")
    assert done.stderr.startswith("error: ") if expects_refusal else done.stdout


def test_the_page_shows_every_way_to_ask() -> None:
    page = PAGE.read_text()
    for words in ("plan -f", "--all", "--cloud", "--compat", "--gpu", "-o json"):
        assert words in page
