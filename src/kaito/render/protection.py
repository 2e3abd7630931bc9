"""What annotations say about protecting an endpoint: API keys, and how many requests may wait.

The Secret is mounted as a folder, so that its keys rotate without a new pod, and it is optional to
the pod: without it the server starts and lets nobody in.
"""

from kaito.api import labels
from kaito.api.meta import Manifest
from kaito.api.workspace import Workspace

KEYS_VOLUME = "api-keys"
KEYS_MOUNT = "/mnt/api-keys"
_DIGITS = 9
"""More than any number of requests has."""


def protection_arguments(workspace: Workspace) -> dict[str, object]:
    """Fields of `ServingArguments`."""
    annotations = workspace.metadata.annotations
    found: dict[str, object] = {}
    if annotations.get(labels.API_KEYS_SECRET):
        found["keys_folder"] = KEYS_MOUNT
    if waiting := _whole(annotations.get(labels.MAX_WAITING, "")):
        found["max_waiting"] = waiting
    return found


def protection_volumes(workspace: Workspace) -> list[Manifest]:
    """The Secret with the keys, where one is named."""
    secret = workspace.metadata.annotations.get(labels.API_KEYS_SECRET)
    if not secret:
        return []
    return [{"name": KEYS_VOLUME, "secret": {"secretName": secret, "optional": True}}]


def protection_mounts(workspace: Workspace) -> list[Manifest]:
    """Where the server finds it."""
    if not workspace.metadata.annotations.get(labels.API_KEYS_SECRET):
        return []
    return [{"name": KEYS_VOLUME, "mountPath": KEYS_MOUNT, "readOnly": True}]


def _whole(text: str) -> int:
    """The number, -1 for no limit; 0, the runtime's own choice, for what is none."""
    digits = text.strip()
    is_number = digits.isdecimal() and len(digits) <= _DIGITS
    return int(digits) if digits == "-1" or is_number else 0
