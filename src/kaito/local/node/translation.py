"""Mount paths without mounts: commands and variables are rewritten to the folders behind them.

Where no sandbox can be had, `--config=/mnt/config/a.yaml` becomes the path of the file in the state
folder. A path that a program makes up by itself is not caught; that is what the sandbox is for.
"""

import re
from collections.abc import Mapping, Sequence

from kaito.local.node.mounts import Mount

Rewrites = tuple[tuple[str, str], ...]
"""Mount paths and the paths that stand for them."""


def plan_rewrites(mounts: Sequence[Mount]) -> Rewrites:
    """One entry a mount."""
    return tuple((mount.path, str(mount.source)) for mount in mounts)


def translate(text: str, rewrites: Rewrites) -> str:
    """The text with every mount path in it replaced; of nested mounts the innermost counts."""
    if not rewrites:
        return text
    found = dict(rewrites)
    longest_first = sorted(found, key=len, reverse=True)
    # A path begins where no path or name goes on, and ends at a separator or where none follows.
    pattern = "|".join(re.escape(path.rstrip("/")) for path in longest_first)
    return re.sub(
        rf"(?<![\w./-])(?:{pattern})(?![\w.-])", lambda match: _target(found, match[0]), text
    )


def translate_all(texts: Sequence[str], rewrites: Rewrites) -> tuple[str, ...]:
    """Every text translated."""
    return tuple(translate(text, rewrites) for text in texts)


def translate_values(variables: Mapping[str, str], rewrites: Rewrites) -> dict[str, str]:
    """Every value translated."""
    return {name: translate(value, rewrites) for name, value in variables.items()}


def _target(found: Mapping[str, str], path: str) -> str:
    return found.get(path) or found[path + "/"]
