"""Watches Services, pods and what it writes; a change of any of them concerns its namespace.

Which Services select a pod can only be told by looking at them all, so a namespace is one key.
"""

from datetime import datetime
from typing import Any

from kaito.api import labels
from kaito.api.core import PODS, SERVICES
from kaito.api.meta import Key, Object
from kaito.api.selectors import Requirement
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch
from kaito.local.builtin.endpoints.decide import Observed, decide_endpoints
from kaito.local.builtin.endpoints.render import MANAGED_BY, MANAGER
from kaito.local.builtin.kinds import ENDPOINT_SLICES, ENDPOINTS

_OURS = (
    Requirement(MANAGED_BY, "In", frozenset({MANAGER})),
    Requirement(labels.SERVICE_NAME, "Exists"),
)


def _namespace(item: Object) -> tuple[Key, ...]:
    return (Key(item.metadata.namespace, ""),)


class EndpointsController:
    """Keeps EndpointSlices and Endpoints equal to the pods behind each Service."""

    name = "endpoints-controller"
    watches: tuple[Watch[Any], ...] = (
        Watch(SERVICES, _namespace),
        Watch(PODS, _namespace),
        Watch(ENDPOINT_SLICES, _namespace),
        Watch(ENDPOINTS, _namespace),
    )

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """All Services and pods of the namespace; None where there are no Services."""
        services = reader.list(SERVICES, namespace=key.namespace)
        if not services:
            return None
        return Observed(
            services=services,
            pods=reader.list(PODS, namespace=key.namespace),
            slices=reader.list(ENDPOINT_SLICES, namespace=key.namespace, selector=_OURS),
            endpoints=reader.list(ENDPOINTS, namespace=key.namespace),
        )

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """Pure; see `decide_endpoints`."""
        del now
        return decide_endpoints(observed)
