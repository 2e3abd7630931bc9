"""The pods behind a Service, with the ports that the Service's targets mean in each of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from kaito.api.core import Pod, Service, ServicePort
from kaito.local.builtin.kinds import EndpointPort

Ports = tuple[EndpointPort, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One pod behind a Service."""

    pod: Pod
    is_ready: bool
    """Whether it may get traffic: ready and staying, or published regardless."""


def find_backends(service: Service, pods: Iterable[Pod]) -> dict[Ports, tuple[Backend, ...]]:
    """The Service's pods that have an address, grouped by the ports they are reached at."""
    found: dict[Ports, tuple[Backend, ...]] = {}
    for pod in pods:
        if not _is_selected(service, pod):
            continue
        ports = _resolve(service, pod)
        found[ports] = (*found.get(ports, ()), _to_backend(service, pod))
    return found


def _is_selected(service: Service, pod: Pod) -> bool:
    return (
        bool(service.spec.selector)
        and pod.metadata.namespace == service.metadata.namespace
        and service.spec.selector.items() <= pod.metadata.labels.items()
        and bool(pod.status.pod_ip)
        and not pod.is_finished
    )


def _to_backend(service: Service, pod: Pod) -> Backend:
    staying = pod.is_ready and not pod.metadata.is_deleting
    return Backend(pod=pod, is_ready=staying or service.spec.publish_not_ready_addresses)


def _resolve(service: Service, pod: Pod) -> Ports:
    """A target that names a port no container has is left out, as Kubernetes does."""
    resolved = ((port, _target(port, pod)) for port in service.spec.ports)
    return tuple(
        EndpointPort(name=port.name, protocol=port.protocol, port=number)
        for port, number in resolved
        if number
    )


def _target(port: ServicePort, pod: Pod) -> int:
    target = port.target_port or port.port
    if isinstance(target, int):
        return target
    named = (
        p.container_port
        for container in pod.spec.containers
        for p in container.ports
        if p.name == target and p.protocol == port.protocol
    )
    return next(named, 0)
