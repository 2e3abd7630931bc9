"""What the control plane tells a running server about adapters: one JSON file, watched.

The file is the key `adapters.json` of the ConfigMap `<workspace>-adapters`, mounted as a folder:
a mount by subPath is never refreshed. The server fetches, loads and unloads until what it serves is
what the file says, and reports on each (`kaito.api.report.AdapterReport`).
"""

from typing import Final

import msgspec

from kaito.api.meta import Wire
from kaito.base.errors import UsageError

ADAPTERS_KEY: Final = "adapters.json"
ADAPTERS_CONFIG_MOUNT: Final = "/mnt/adapters"
ADAPTERS_FILE: Final = f"{ADAPTERS_CONFIG_MOUNT}/{ADAPTERS_KEY}"
DEFAULT_STRENGTH: Final = 1.0


class AdapterWish(Wire):
    """One adapter to serve."""

    name: str
    """The model name that requests give."""
    source: str
    """Where it comes from, as `kaito.api.weight_source` spells it."""
    strength: float = DEFAULT_STRENGTH
    """Its weight between 0 and 1."""


class AdapterWishes(Wire):
    """Every adapter to serve, sorted by name."""

    adapters: tuple[AdapterWish, ...] = ()

    def to_json(self) -> str:
        """The file's text; equal values give equal texts."""
        return msgspec.json.encode(self, order="sorted").decode()


def adapters_config_name(workspace: str) -> str:
    """The ConfigMap of a Workspace's adapters."""
    return f"{workspace}-adapters"


def parse_adapter_wishes(text: str | bytes) -> AdapterWishes:
    """Read the file; `UsageError` says what is wrong with it."""
    try:
        return msgspec.json.decode(text, type=AdapterWishes)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{ADAPTERS_KEY} is not a list of adapters: {error}") from error
