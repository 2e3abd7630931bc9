"""Writes every generated file of the repository, or with --check says which are out of date."""

import subprocess
import sys
from pathlib import Path

_TOOLS = Path(__file__).resolve().parent


def main() -> int:
    """Run every `gen_*.py` beside this file; 1 when one of them fails."""
    failed = 0
    for tool in sorted(_TOOLS.glob("gen_*.py")):
        failed |= subprocess.run([sys.executable, str(tool), *sys.argv[1:]], check=False).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
