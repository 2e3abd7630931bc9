"""What the node agent refuses or cannot do, each with the reason that a container's status shows.

KaitoError
+-- NodeError
    +-- NotStartable   one container cannot start as its spec stands; `reason` is CamelCase
    +-- NotMountable   a volume cannot be made ready (yet)
    +-- SpawnFailed    the system refused to start a program
"""

from kaito.base.errors import KaitoError


class NodeError(KaitoError):
    """Something that keeps a pod from running on this machine."""


class NotStartable(NodeError):
    """A container that cannot start until the pod, or something it refers to, changes."""

    def __init__(self, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class NotMountable(NodeError):
    """A volume whose source is missing or unusable; tried again when something changes."""


class SpawnFailed(NodeError):
    """A program that the system did not start: not found, not executable, no such folder."""
