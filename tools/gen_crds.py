"""Writes the CRDs, one file a kind, from the wire types; --check says where they differ.

They stand twice in the chart: in crds/ for `kubectl apply -f`, in files/crds for its templates,
because what Helm finds in crds/ it installs once and never upgrades (.helmignore hides it).
Karpenter's NodeClaim lies apart: it is installed only when asked for.
"""

import sys
from pathlib import Path

import yaml

from kaito.api.crd import nodeclaim_crd
from kaito.api.kinds import KINDS
from kaito.api.meta import Manifest

_CHART = Path(__file__).resolve().parent.parent / "charts" / "kaito"
_TARGETS = (_CHART / "crds", _CHART / "files" / "crds")
_KARPENTER = _CHART / "files" / "karpenter"


def main() -> int:
    """Write or compare; 1 when --check finds a difference."""
    check = "--check" in sys.argv[1:]
    ours = [kind.definition.to_manifest() for kind in KINDS]
    wanted = dict(_render(target, manifest) for target in _TARGETS for manifest in ours)
    wanted |= dict([_render(_KARPENTER, nodeclaim_crd())])
    folders = {path.parent for path in wanted}
    stale = [path for folder in folders for path in folder.glob("*.yaml") if path not in wanted]
    changed = [
        path for path, text in wanted.items() if not path.exists() or path.read_text() != text
    ]
    if check:
        for path in (*stale, *changed):
            print(f"{path} is out of date; run: make generate", file=sys.stderr)
        return 1 if stale or changed else 0
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.unlink()
    for path in changed:
        path.write_text(wanted[path])
    return 0


def _render(folder: Path, crd: Manifest) -> tuple[Path, str]:
    plural, _, group = crd["metadata"]["name"].partition(".")
    return folder / f"{group}_{plural}.yaml", yaml.safe_dump(crd, sort_keys=False, width=100)


if __name__ == "__main__":
    sys.exit(main())
