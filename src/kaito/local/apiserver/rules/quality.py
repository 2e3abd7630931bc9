"""A pod's quality of service class, from its requests and limits.

https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
"""

from collections.abc import Iterator
from typing import Any, Literal

from kaito.api.meta import Manifest
from kaito.base.quantity import parse_quantity

QosClass = Literal["Guaranteed", "Burstable", "BestEffort"]
_COUNTED = ("cpu", "memory")


def qos_class(pod: Manifest) -> QosClass:
    """The class of a (valid) pod."""
    resources = list(_resources(pod["spec"]))
    if not any(_set(r.get(kind)) for r in resources for kind in ("limits", "requests")):
        return "BestEffort"
    return "Guaranteed" if all(_is_guaranteed(r) for r in resources) else "Burstable"


def _resources(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for field in ("initContainers", "containers"):
        for container in spec.get(field) or ():
            yield container.get("resources") or {}


def _set(amounts: dict[str, Any] | None) -> dict[str, Any]:
    return {k: v for k, v in (amounts or {}).items() if k in _COUNTED and parse_quantity(v)}


def _is_guaranteed(resources: dict[str, Any]) -> bool:
    limits = _set(resources.get("limits"))
    # A request that is left out is the limit.
    requests = {**limits, **_set(resources.get("requests"))}
    return set(limits) == set(_COUNTED) and all(
        parse_quantity(requests[kind]) == parse_quantity(limits[kind]) for kind in _COUNTED
    )
