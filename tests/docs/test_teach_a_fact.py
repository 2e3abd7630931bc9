"""The tutorial's data, made by its own commands, and its verbs, as the program knows them."""

import json
import re
import subprocess
import sys
from pathlib import Path

from kaito.cli.verbs import find_verb

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "teach-a-fact.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)


def test_the_commands_that_write_the_data_do(tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if "train.jsonl" in block)
    script = block.replace("/tmp/kaito-teach", str(tmp_path)).replace("python -", sys.executable)
    subprocess.run(["bash", "-ec", script], check=True, timeout=60)
    rows = (tmp_path / "data" / "train.jsonl").read_text().splitlines()
    assert len(rows) == 60
    for row in rows:
        roles = [message["role"] for message in json.loads(row)["messages"]]
        assert roles == ["user", "assistant"]


def test_every_verb_of_the_page_exists() -> None:
    lines = [line.split() for block in BLOCKS for line in block.splitlines()]
    called = [words[1:] for words in lines if words[:1] == ["kaito"]]
    assert len(called) > 8
    assert all(find_verb(words) for words in called)
