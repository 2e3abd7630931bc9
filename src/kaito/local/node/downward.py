"""What a pod can be told about itself: its fields, and its containers' requests and limits.

https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING

from kaito.base.quantity import parse_quantity
from kaito.local.node.errors import NotStartable
from kaito.local.node.pod import Amount, Container, Pod

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a pod runs: what its own manifest does not say."""

    pod_ip: str
    host_ip: str
    allocatable: Mapping[str, str]
    """What its node offers, which stands in for limits that are not set."""


def read_field(pod: Pod, place: Place, path: str) -> str:
    """The value of a `fieldRef`; labels and annotations as a whole come one to a line."""
    meta = pod.metadata
    if match := _SUBSCRIPT.match(path):
        return (meta.labels if match[1] == "labels" else meta.annotations).get(match[2], "")
    known = {
        "metadata.name": meta.name,
        "metadata.namespace": meta.namespace,
        "metadata.uid": meta.uid,
        "metadata.labels": _to_lines(meta.labels),
        "metadata.annotations": _to_lines(meta.annotations),
        "spec.nodeName": pod.spec.node_name,
        "spec.serviceAccountName": pod.spec.service_account_name or "default",
        "status.podIP": place.pod_ip,
        "status.podIPs": place.pod_ip,
        "status.hostIP": place.host_ip,
        "status.hostIPs": place.host_ip,
    }
    if path not in known:
        raise NotStartable(
            "CreateContainerConfigError", f"field path {path!r} cannot be passed to a container"
        )
    return known[path]


def read_resource(container: Container, place: Place, resource: str, divisor: Amount) -> str:
    """The value of a `resourceFieldRef` such as `limits.memory`, in units of `divisor`."""
    kind, _, name = resource.partition(".")
    limits, requests = container.resources.limits, container.resources.requests
    chosen = {"limits": limits, "requests": requests or limits}.get(kind)
    if chosen is None:
        raise NotStartable(
            "CreateContainerConfigError", f"resource {resource!r} is not limits.* or requests.*"
        )
    amount = chosen.get(name)
    if amount is None:
        amount = place.allocatable.get(name, "0") if kind == "limits" else "0"
    unit = parse_quantity(divisor) or parse_quantity("1")
    return str(int((parse_quantity(amount) / unit).to_integral_value(ROUND_CEILING)))


def _to_lines(entries: Mapping[str, str]) -> str:
    return "\n".join(f'{name}="{_escape(value)}"' for name, value in sorted(entries.items()))


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
