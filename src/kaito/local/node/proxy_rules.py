"""Which addresses a Service listens on here and where its connections go. Pure.

The same model as kube-proxy's: one listener for each TCP port of a ClusterIP, and the ready
endpoints of its EndpointSlices behind it. https://kubernetes.io/docs/reference/networking/virtual-ips/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from kaito.api import labels
from kaito.api.core import SERVICES, ServicePort
from kaito.api.meta import Object, Wire
from kaito.api.resources import Resource, reading
from kaito.local.builtin.kinds import Endpoint, EndpointSlice

REMAPPED_BY = 30000
"""Added to a port that may not be bound."""


class ServiceSpec(Wire):
    """What the proxy reads of a Service."""

    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    ports: tuple[ServicePort, ...] = ()
    publish_not_ready_addresses: bool = False


class Service(Object):
    """One address for several pods."""

    spec: ServiceSpec = ServiceSpec()


ALL_SERVICES: Resource[Service] = reading(SERVICES, Service)


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A host and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"


def plan_listeners(
    service: Service, slices: Iterable[EndpointSlice]
) -> Mapping[Address, tuple[Address, ...]]:
    """Every address to listen on, each with the endpoints that may take its connections."""
    if service.metadata.is_deleting or service.spec.cluster_ip in ("", "None"):
        return {}
    listed = list(slices)
    return {
        Address(service.spec.cluster_ip, port.port): _endpoints(service, listed, port.name)
        for port in service.spec.ports
        if port.protocol == "TCP"
    }


def unsupported_ports(service: Service) -> tuple[ServicePort, ...]:
    """The ports whose protocol is not carried."""
    return tuple(port for port in service.spec.ports if port.protocol != "TCP")


def service_of(slice_: EndpointSlice) -> str:
    """The name of the Service that a slice belongs to."""
    return slice_.metadata.labels.get(labels.SERVICE_NAME, "")


def _endpoints(
    service: Service, slices: Iterable[EndpointSlice], port_name: str
) -> tuple[Address, ...]:
    takes_all = service.spec.publish_not_ready_addresses
    found = {
        Address(address, port.port)
        for slice_ in slices
        for port in slice_.ports or ()
        if port.name == port_name and port.port
        for endpoint in slice_.endpoints or ()
        if takes_all or _is_ready(endpoint)
        for address in endpoint.addresses[:1]
    }
    return tuple(sorted(found))


def _is_ready(endpoint: Endpoint) -> bool:
    # Absent means ready, as the API says.
    return endpoint.conditions.ready is not False
