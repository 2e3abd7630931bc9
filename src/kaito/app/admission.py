"""Admission of the kaito.sh kinds, by the rules in `api.validation`.

The embedded API server calls it in-process; a cluster's webhook calls the same functions.
"""

import msgspec

from kaito.api.meta import Manifest
from kaito.api.validation import FieldError, validate_workspace
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.catalog.lookup import check_preset


class KaitoAdmission:
    """Rules of our own kinds; everything else is admitted."""

    def default(self, resource: str, manifest: Manifest) -> Manifest:  # noqa: ARG002
        """The manifest as it is: all defaults are in the CRD's schema."""
        return manifest

    def admit(
        self, operation: str, resource: str, *, old: Manifest | None, new: Manifest | None
    ) -> tuple[FieldError, ...]:
        """The broken rules; deletion is always admitted."""
        if resource != str(WORKSPACES) or new is None or operation == "DELETE":
            return ()
        try:
            after = msgspec.convert(new, Workspace)
            before = msgspec.convert(old, Workspace) if old is not None else None
        except msgspec.ValidationError as error:
            return (FieldError("", str(error)),)
        return validate_workspace(after, before, check_preset=check_preset)
