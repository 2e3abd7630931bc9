"""How much room for adapters an engine makes when it starts, where nothing else is said.

Shared by the plan, which counts its memory, the pod, which is told of it, and the server, which
decides by itself where it is not. Numbers only, so that planning needs no wire types.
"""

from typing import Final

USUAL_RANK: Final = 64
"""The largest rank of one adapter."""
MOST_AT_ONCE: Final = 8
_LEAST_AT_ONCE: Final = 2
"""So that a second adapter finds room without another start."""


def room_for(count: int) -> int:
    """Adapters that one batch may mix, in an engine that starts with `count` of them."""
    return min(max(count, _LEAST_AT_ONCE), MOST_AT_ONCE)
