"""What can be wrong with one adapter. None of it ever concerns the base model.

KaitoError
+-- AdapterInvalid    its content cannot be served by this model; only other content helps
+-- AdapterNotFound   it could not be brought here: trying again may help
+-- EngineRefused     the engine would not take it: trying again may help
"""

from kaito.base.errors import KaitoError


class AdapterInvalid(KaitoError):
    """The adapter is here and must not be loaded; `str()` says why, without its name."""


class AdapterNotFound(KaitoError):
    """Its source does not answer, does not have it, or hides it."""


class EngineRefused(KaitoError):
    """The engine itself refused to load it."""


def to_line(error: KaitoError) -> str:
    """The error and the next step on one line."""
    return " ".join(error.line.split())
