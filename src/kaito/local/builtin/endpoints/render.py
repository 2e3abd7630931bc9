"""EndpointSlices and Endpoints as they should be, as structs to compare and manifests to write."""

import msgspec

from kaito.api import labels
from kaito.api.core import ObjectReference, Pod, Service
from kaito.api.meta import Manifest, owner_reference
from kaito.local.builtin.endpoints.backends import Backend, Ports
from kaito.local.builtin.kinds import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    Endpoint,
    EndpointAddress,
    EndpointConditions,
    EndpointPort,
    EndpointSubset,
)
from kaito.local.builtin.templates import safe_suffix

MANAGER = "endpointslice-controller.k8s.io"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
_HEADLESS = "service.kubernetes.io/headless"


def slice_name(service: Service, ports: Ports) -> str:
    """The same for the same Service and ports."""
    told = ",".join(f"{port.name}:{port.port}/{port.protocol}" for port in ports)
    return f"{service.metadata.name}-{safe_suffix(f'{service.metadata.uid}/{told}', 5)}"


def slice_labels(service: Service) -> dict[str, str]:
    """The Service's own labels and those by which its slices are found."""
    headless = {_HEADLESS: ""} if service.spec.cluster_ip == "None" else {}
    found = {labels.SERVICE_NAME: service.metadata.name, MANAGED_BY: MANAGER}
    return {**service.metadata.labels, **headless, **found}


def render_slice(
    service: Service, name: str, *, ports: Ports, endpoints: tuple[Endpoint, ...]
) -> Manifest:
    """One EndpointSlice."""
    return {
        "apiVersion": ENDPOINT_SLICES.api_version,
        "kind": ENDPOINT_SLICES.kind,
        "metadata": {
            "name": name,
            "namespace": service.metadata.namespace,
            "labels": slice_labels(service),
            "ownerReferences": [owner_reference(service)],
        },
        "addressType": "IPv4",
        "endpoints": [msgspec.to_builtins(endpoint) for endpoint in endpoints],
        "ports": [_port(port, empty_name=True) for port in ports],
    }


def render_endpoints(service: Service, subsets: tuple[EndpointSubset, ...]) -> Manifest:
    """The Endpoints object, which is named after its Service."""
    return {
        "apiVersion": ENDPOINTS.api_version,
        "kind": ENDPOINTS.kind,
        "metadata": {
            "name": service.metadata.name,
            "namespace": service.metadata.namespace,
            "labels": dict(service.metadata.labels),
            # Kubernetes leaves this one without an owner and deletes it by name; with an owner the
            # garbage collector does.
            "ownerReferences": [owner_reference(service)],
        },
        "subsets": [_subset(subset) for subset in subsets],
    }


def to_endpoint(service: Service, backend: Backend) -> Endpoint:
    """One pod as a slice lists it."""
    pod = backend.pod
    return Endpoint(
        addresses=(pod.status.pod_ip,),
        conditions=EndpointConditions(
            ready=backend.is_ready,
            serving=pod.is_ready,
            terminating=pod.metadata.is_deleting,
        ),
        hostname=_hostname(service, pod),
        node_name=pod.spec.node_name,
        target_ref=_reference(pod),
    )


def to_subset(service: Service, ports: Ports, backends: tuple[Backend, ...]) -> EndpointSubset:
    """The pods that share ports, as Endpoints lists them; those on their way out are left out."""
    staying = [b for b in backends if b.is_ready or not b.pod.metadata.is_deleting]
    addresses = [(b.is_ready, _to_address(service, b.pod)) for b in staying]
    return EndpointSubset(
        addresses=tuple(address for ready, address in addresses if ready),
        not_ready_addresses=tuple(address for ready, address in addresses if not ready),
        ports=ports,
    )


def _to_address(service: Service, pod: Pod) -> EndpointAddress:
    return EndpointAddress(
        ip=pod.status.pod_ip,
        hostname=_hostname(service, pod),
        node_name=pod.spec.node_name,
        target_ref=_reference(pod),
    )


def _hostname(service: Service, pod: Pod) -> str:
    """A pod that names the Service as its subdomain has a name of its own within it."""
    return pod.spec.hostname if pod.spec.subdomain == service.metadata.name else ""


def _reference(pod: Pod) -> ObjectReference:
    meta = pod.metadata
    return ObjectReference(kind="Pod", namespace=meta.namespace, name=meta.name, uid=meta.uid)


def _subset(subset: EndpointSubset) -> Manifest:
    ports = [_port(port, empty_name=False) for port in subset.ports]
    return {**msgspec.to_builtins(subset), "ports": ports}


def _port(port: EndpointPort, *, empty_name: bool) -> Manifest:
    manifest: Manifest = {"port": port.port, "protocol": port.protocol}
    return {"name": port.name, **manifest} if port.name or empty_name else manifest
