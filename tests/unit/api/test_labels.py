"""Keys are built in one place."""

import re
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "src" / "kaito"
ALLOWED = {"api/labels.py"}
LITERAL = re.compile(r"[\"'](?:[a-z0-9-]+\.)*(?:kaito|karpenter)\.sh/[a-z]")


def test_no_label_of_ours_is_spelled_out_anywhere_else() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{number}"
        for path in SOURCE.rglob("*.py")
        if str(path.relative_to(SOURCE)) not in ALLOWED
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if LITERAL.search(line)
    ]
    assert found == []
