"""How every generator ends: it writes what it made, or with --check says what is out of date."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"


def finish(*made: tuple[Path, str]) -> int:
    """Write each text to its path; with --check on the command line only compare.

    Returns the exit status: 1 when a comparison finds a difference.
    """
    if "--check" in sys.argv[1:]:
        stale = [path for path, text in made if not path.exists() or path.read_text() != text]
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date; run: make generate", file=sys.stderr)
        return 1 if stale else 0
    for path, text in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0
