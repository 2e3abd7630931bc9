"""The port through which rules from outside this package see writes, in-process.

The composition root implements it with the same code that a cluster's webhooks run. It is asked
once a write, after defaulting and structural validation, and never for writes of status.
"""

from typing import Literal, Protocol

from kaito.api.meta import Manifest

Operation = Literal["CREATE", "UPDATE", "DELETE"]


class FieldProblem(Protocol):
    """A problem with one field; any value with these two will do."""

    @property
    def path(self) -> str:
        """Where, such as `inference.preset.name`."""
        ...

    @property
    def detail(self) -> str:
        """What is wrong and what to do."""
        ...


Denial = str | FieldProblem
"""A reason against a write: a sentence (403 Forbidden) or a field's problem (422 Invalid)."""


class Admission(Protocol):
    """Defaults and rules of a kind, beyond what its schema says."""

    def default(self, resource: str, manifest: Manifest) -> Manifest:
        """The manifest completed; called on create and update, before validation.

        `resource` is `plural.group`; the manifest is in the version of the request.
        """
        ...

    def admit(
        self, operation: Operation, resource: str, *, old: Manifest | None, new: Manifest | None
    ) -> tuple[Denial, ...]:
        """Everything against the write; empty when it may go ahead."""
        ...


class AdmitAll:
    """No rules."""

    def default(self, resource: str, manifest: Manifest) -> Manifest:
        """The manifest as it is."""
        del resource
        return manifest

    def admit(
        self, operation: Operation, resource: str, *, old: Manifest | None, new: Manifest | None
    ) -> tuple[Denial, ...]:
        """Nothing against anything."""
        del operation, resource, old, new
        return ()
