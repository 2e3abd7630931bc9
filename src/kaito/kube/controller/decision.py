"""A decision as data: what a controller wants done, printable before anything is done."""

from dataclasses import dataclass
from typing import Any, Literal

from kaito.api.meta import Key, Manifest, Object
from kaito.api.resources import Resource
from kaito.kube.client import Change, Propagation

WRITE_REFUSED = "WriteRefused"
"""Reason of events and conditions: what the API server does not let us write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """An event to be written about an object."""

    about: Object
    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Create an object under a deterministic name. If it is there already, that is done too.

    With a `subresource` it is about an object that must exist; if that is gone, that is done too.
    """

    resource: Resource[Any]
    manifest: Manifest
    subresource: str = ""
    note: Note | None = None
    """Written only when the object was not there before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """Server-side apply: create or update, owning exactly these fields."""

    resource: Resource[Any]
    manifest: Manifest
    is_new: bool = False
    """Nobody is to have an object of that name: where one is there by now, this is a conflict.

    A `Create` would own the fields in a way that no later apply can take one of them back.
    """
    note: Note | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Change part of an object that must exist; if it is gone, that is done too."""

    resource: Resource[Any]
    key: Key
    patch: Manifest | Change
    """A bare manifest is a merge patch."""
    subresource: str = ""
    is_gate: bool = False
    """What the decision says after it is done only if the answer shows the object, and not being
    deleted; else this is a conflict. The status is then written onto the revision it made.

    For a finalizer: what it protects may follow in the same pass, without a look at the cache.
    """
    note: Note | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete that very object (`uid`); if it is gone, that is done too."""

    resource: Resource[Any]
    key: Key
    uid: str
    propagation: Propagation = "Background"
    grace_seconds: int | None = None
    note: Note | None = None


Action = Create | Apply | Patch | Delete


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWrite:
    """The status of the object a controller is about, valid only for that revision.

    Merged into what is stored: fields left out stay, and null removes.
    """

    resource: Resource[Any]
    key: Key
    resource_version: str
    status: Manifest
    verdict: str = ""
    """Type of the condition that sums up: where it does not hold, a write before this one that is
    refused becomes its reason, and the status is written all the same. Empty: it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Everything one pass wants. Carried out in order: actions, effects, status, notes."""

    actions: tuple[Action, ...] = ()
    effects: tuple[object, ...] = ()
    """Frozen values for what is not the API server's: the controller's own `carry_out` knows."""
    status: StatusWrite | None = None
    notes: tuple[Note, ...] = ()
    requeue_after: float | None = None
    """Seconds until the key is looked at again even if nothing changes."""
    why: tuple[str, ...] = ()
    """The reasons in words, in the order they were found."""


NOTHING = Decision()
