"""What can go wrong while fetching weights.

KaitoError
+-- SourceFailed      this source does not have them, for a stated reason: try the next
+-- FolderInvalid     a folder is there and is not a model, or not ours to replace
"""

from kaito.base.errors import KaitoError


class SourceFailed(KaitoError):
    """One source cannot give the weights; `str()` is the reason alone, without the source."""


class FolderInvalid(KaitoError):
    """A folder does not hold what it should; nothing was changed."""
