"""Taking over objects that match a workload's selector and that nobody controls.

They are left behind by `kubectl delete --cascade=orphan`, and a workload of the same name would
otherwise trip over their names for ever.
"""

from typing import Any, TypeVar

import msgspec

from kaito.api.meta import Object, owner_reference
from kaito.api.resources import Resource
from kaito.api.selectors import LabelSelector
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Patch

T = TypeVar("T", bound=Object)


def observe_orphans(
    reader: Reader, resource: Resource[T], owner: Object, selector: LabelSelector
) -> tuple[T, ...]:
    """What the owner should adopt. An empty selector matches nothing here, as for workloads."""
    if owner.metadata.is_deleting or not selector.terms:
        return ()
    found = reader.list(resource, namespace=owner.metadata.namespace, selector=selector.terms)
    return tuple(
        item for item in found if item.metadata.controller is None and not item.metadata.is_deleting
    )


def adopt(resource: Resource[Any], owner: Object, orphan: Object) -> Patch:
    """Make `owner` the controller, unless the object changed since it was read."""
    others = [msgspec.to_builtins(ref) for ref in orphan.metadata.owner_references]
    return Patch(
        resource=resource,
        key=orphan.key,
        patch={
            "metadata": {
                "resourceVersion": orphan.metadata.resource_version,
                "ownerReferences": [*others, owner_reference(owner)],
            }
        },
    )
