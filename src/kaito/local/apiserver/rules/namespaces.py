"""Namespaces: always active until deleted, and held by what they contain.

`spec.finalizers` holds a deleting namespace until the namespace controller has emptied it and says
so through /finalize.
"""

from kaito.api import labels
from kaito.api.meta import Manifest
from kaito.local.apiserver.objects import metadata, with_metadata
from kaito.local.apiserver.rules.base import Rules

INITIAL = ("default", "kube-public", "kube-system")
_FINALIZER = "kubernetes"


class NamespaceRules(Rules):
    """See `Rules`."""

    def complete(self, manifest: Manifest) -> Manifest:
        """Label the namespace with its own name, which network and pod selectors count on."""
        name = metadata(manifest).get("name")
        if not name:
            return manifest
        current = metadata(manifest).get("labels") or {}
        return with_metadata(manifest, labels={**current, labels.NAMESPACE_NAME: name})

    def on_create(self, manifest: Manifest) -> Manifest:
        """Hold it for the namespace controller and call it active."""
        labelled = self.complete(manifest)
        return {
            **labelled,
            "spec": {"finalizers": [_FINALIZER]},
            "status": {"phase": "Active"},
        }

    def on_deletion(self, manifest: Manifest) -> Manifest:
        """Show that it is going."""
        return {**manifest, "status": {**(manifest.get("status") or {}), "phase": "Terminating"}}

    def on_update(self, new: Manifest, old: Manifest) -> Manifest:
        """What holds it is the namespace controller's to say, through /finalize."""
        return {**new, "spec": old.get("spec") or {}}

    def deletion_problem(self, manifest: Manifest) -> str:
        """What exists from the start stays."""
        is_initial = metadata(manifest).get("name") in INITIAL
        return "this namespace may not be deleted" if is_initial else ""

    def holds(self, manifest: Manifest) -> bool:
        """Its contents hold it."""
        return bool((manifest.get("spec") or {}).get("finalizers"))


def initial_namespace(name: str) -> Manifest:
    """A namespace that exists from the start."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
