"""Writes charts/kaito/crds from the wire types; --check fails where the files differ."""

import sys
from pathlib import Path

import yaml

from kaito.api.crd import workspace_crd

_TARGET = Path(__file__).resolve().parent.parent / "charts" / "kaito" / "crds"


def main() -> int:
    """Write or compare; 1 when --check finds a difference."""
    path = _TARGET / "kaito.sh_workspaces.yaml"
    text = yaml.safe_dump(workspace_crd(), sort_keys=False, width=100)
    if "--check" in sys.argv[1:]:
        if path.exists() and path.read_text() == text:
            return 0
        print(f"{path} is out of date; run: make generate", file=sys.stderr)
        return 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
