"""What can be wrong with a patch.

PatchError          the patch itself is malformed: the client must change it
+-- PatchConflict   the patch is fine but does not fit this object: it may fit another, or later
"""

from kaito.base.errors import KaitoError


class PatchError(KaitoError):
    """A patch that is malformed."""


class PatchConflict(PatchError):
    """A patch that does not fit the object: a missing path, a test that does not hold."""
