"""The tutorial "teach a model a fact, and serve it": every command of the page, in its order.

Blocks run as they stand, but for the two folders that they name, which are the test's own here. The
one that watches has a terminal, as a reader has.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import kubernetes_tools
import pytest
from planes import describe_plane

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorials" / "teach-a-fact.md"
EXAMPLE = "examples/04-teach-a-fact/workspace.yaml"
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
START, DATA, TUNE, LOOK, REPORT, PROMOTE, ASK, CLEAN_UP = range(len(BLOCKS))
"""One name a block: a block more, or one less, and this module does not load."""
QUESTION = '"Which bird is on the flag of Velmora?"'
CHART = re.compile("[\u2801-\u28ff]{5}")
"""Braille that is not blank: the curve."""

pytestmark = [pytest.mark.extended, pytest.mark.timeout(1200)]


@dataclass(frozen=True)
class Reader:
    """Somebody who does what the page says."""

    folder: Path
    environment: Mapping[str, str]

    def script(self, text: str) -> str:
        """The text, in folders of the reader's own."""
        exports = "export PATH=$PWD/.venv/bin:$PATH\nexport KAITO_STATE_DIR=$PWD/.kaito\n"
        return (
            text.replace(exports, "")
            .replace("/tmp/kaito-teach", str(self.folder / "teach"))
            .replace(EXAMPLE, str(self.folder / "workspace.yaml"))
        )

    def run(self, text: str, *, seconds: int = 300) -> str:
        """Run a block; what it printed."""
        done = subprocess.run(
            ["bash", "-ec", self.script(text)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def run_on_terminal(self, text: str) -> str:
        """The same on a terminal of a hundred columns; all that was drawn on it."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        process = subprocess.Popen(
            ["bash", "-ec", self.script(text)],
            cwd=ROOT,
            env={**self.environment, "TERM": "xterm", "LANG": "C.UTF-8"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        drawn = b"".join(_read_all(master))
        os.close(master)
        shown = drawn.decode(errors="replace")
        assert process.wait(timeout=60) == 0, shown[-4000:]
        return shown


def _read_all(terminal: int) -> Iterator[bytes]:
    """Until nobody has the other end; Linux says so with EIO."""
    try:
        while chunk := os.read(terminal, 65536):
            yield chunk
    except OSError:
        return


@dataclass(frozen=True, kw_only=True)
class Story:
    """What the reader saw, from the first block to the last."""

    watched: str
    """On the terminal, until the model was tuned."""
    looked: str
    adapter: frozenset[str]
    """Files of the result."""
    report: str
    tuned: str
    """The tuned model's answer."""
    base: str
    """The base model's."""
    again: tuple[str, ...]
    """Of the adapter, and of the same one beside it under another name."""
    has_left: bool
    """Whether anything was there after cleaning up."""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Somebody with an empty folder, and the programs that the page calls."""
    folder = tmp_path_factory.mktemp("reader")
    plane = describe_plane(folder / "state")
    programs = (Path(sys.executable).parent, kubernetes_tools.tool_path("kubectl").parent)
    path = os.pathsep.join(map(str, (*programs, plane.environment["PATH"])))
    reader = Reader(folder=folder, environment={**plane.environment, "PATH": path})
    manifest = (ROOT / EXAMPLE).read_text()
    (folder / "workspace.yaml").write_text(reader.script(manifest))
    try:
        yield reader
    finally:
        plane.kaito("down", check=False)


@pytest.fixture(scope="module")
def story(reader: Reader) -> Story:
    """The page, block by block; tests come in any order, and its commands do not."""
    results = reader.folder / "teach" / "results"
    reader.run(BLOCKS[START])
    reader.run(BLOCKS[DATA])
    watched = reader.run_on_terminal(BLOCKS[TUNE])
    looked = reader.run(BLOCKS[LOOK])
    reader.run(BLOCKS[REPORT])
    report = (reader.folder / "teach" / "report.html").read_text()
    adapter = frozenset(path.name for path in (results / "adapter").iterdir())
    reader.run(BLOCKS[PROMOTE], seconds=600)
    tuned, base = (reader.run(line) for line in BLOCKS[ASK].splitlines())
    # What the page does not do: a second one beside it.
    reader.run("kaito tune promote teach --to teach-serving --as again --wait", seconds=600)
    chat = "kaito chat teach-serving --model {} " + QUESTION
    again = tuple(reader.run(chat.format(model)) for model in ("teach", "again"))
    reader.run(BLOCKS[CLEAN_UP])
    return Story(
        watched=watched,
        looked=looked,
        adapter=adapter,
        report=report,
        tuned=tuned,
        base=base,
        again=again,
        has_left=(reader.folder / "teach").exists(),
    )


def test_the_terminal_shows_a_bar_and_the_loss_as_a_curve(story: Story) -> None:
    frames = story.watched.split("default/teach: ")
    assert any("━" in frame and "─" in frame for frame in frames), "never half done"
    assert "100%" in frames[-1]
    assert CHART.search(frames[-1])
    assert "tokens/s" in frames[-1]


def test_the_workspace_has_succeeded_and_left_its_adapter_in_the_folder(story: Story) -> None:
    assert "Succeeded" in story.looked
    assert story.adapter >= {"adapter_config.json", "adapter_model.safetensors"}


def test_the_report_is_a_page_with_the_curve_and_the_answers(story: Story) -> None:
    assert "<polyline" in story.report
    assert "Answers before and after" in story.report
    assert "silver heron" in story.report


def test_the_tuned_model_knows_the_fact_and_the_base_model_does_not(story: Story) -> None:
    assert "heron" in story.tuned.lower()
    assert "heron" not in story.base.lower()


def test_a_result_can_be_added_to_a_workspace_that_serves_already(story: Story) -> None:
    assert len(story.again) == 2
    assert all("heron" in answer.lower() for answer in story.again)


def test_nothing_is_left_when_the_page_has_cleaned_up(story: Story) -> None:
    assert not story.has_left
