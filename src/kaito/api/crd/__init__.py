"""CustomResourceDefinitions from the wire types: one source for schema, `explain` and reference.

`structure` makes a schema of a struct, `definition` a CRD of a schema and of what it is given; the
other modules hold one kind each, as data. Used by the generator of charts/kaito/crds and by the
embedded plane, which installs them at start.
"""

from kaito.api.crd.nodeclaim import NODECLAIM
from kaito.api.crd.workspace import WORKSPACE
from kaito.api.meta import Manifest

__all__ = ["nodeclaim_crd", "workspace_crd"]


def workspace_crd() -> Manifest:
    """The CustomResourceDefinition of Workspace, v1alpha1 and v1beta1, v1beta1 stored."""
    return WORKSPACE.to_manifest()


def nodeclaim_crd() -> Manifest:
    """Karpenter's NodeClaim."""
    return NODECLAIM.to_manifest()
