"""The hooks a kind may have in the life of its objects. Every default does nothing."""

from typing import TYPE_CHECKING

from kaito.api.meta import Manifest
from kaito.local.apiserver.errors import Cause

if TYPE_CHECKING:
    from kaito.local.apiserver.core import Core
    from kaito.local.apiserver.options import DeleteOptions
    from kaito.local.store.port import Change


class Rules:
    """Rules of one resource. Methods get and return manifests and change none in place."""

    keeps_status_on_create: bool = False
    """Whether a creator may set status, as a kubelet does when it registers its Node."""

    def complete(self, manifest: Manifest) -> Manifest:
        """Fill in defaults that depend on other fields; on every write of the main resource."""
        return manifest

    def on_create(self, manifest: Manifest) -> Manifest:
        """Set what the server decides about a new object. Called last, right before storing.

        May take something for it (an address); `on_failure` gives it back.
        """
        return manifest

    def on_failure(self, manifest: Manifest) -> None:
        """A creation that `on_create` had prepared did not happen."""

    def on_update(self, new: Manifest, old: Manifest) -> Manifest:
        """Set what the server decides about a changed object."""
        del old
        return new

    def problems(self, new: Manifest, old: Manifest | None) -> tuple[Cause, ...]:
        """What is wrong with the object beyond its schema."""
        del new, old
        return ()

    def grace(self, manifest: Manifest, options: "DeleteOptions") -> int:
        """Seconds between the mark of deletion and its end; 0 for kinds without a grace period."""
        del manifest, options
        return 0

    def on_deletion(self, manifest: Manifest) -> Manifest:
        """Set what changes in an object when its deletion begins."""
        return manifest

    def deletion_problem(self, manifest: Manifest) -> str:
        """Why the object may not be deleted at all; empty when it may."""
        del manifest
        return ""

    def holds(self, manifest: Manifest) -> bool:
        """Whether a deleting object must stay, besides for its finalizers."""
        del manifest
        return False

    def stored(self, core: "Core", change: "Change") -> None:
        """A write of this resource is durable."""
