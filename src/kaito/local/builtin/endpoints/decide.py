"""What to write so that slices and Endpoints say what the pods are. One pass a namespace."""

from dataclasses import dataclass

from kaito.api.core import Pod, Service
from kaito.api.meta import Key, Object
from kaito.kube.controller.decision import Action, Create, Decision, Delete, Patch
from kaito.local.builtin.endpoints import render
from kaito.local.builtin.endpoints.backends import Backend, Ports, find_backends
from kaito.local.builtin.kinds import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    Endpoint,
    Endpoints,
    EndpointSlice,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The Services of one namespace and everything their endpoints follow from."""

    services: tuple[Service, ...]
    pods: tuple[Pod, ...] = ()
    slices: tuple[EndpointSlice, ...] = ()
    endpoints: tuple[Endpoints, ...] = ()


def decide_endpoints(observed: Observed) -> Decision:
    """Only differences are written. A Service without a selector looks after its own endpoints."""
    actions: list[Action] = []
    for service in observed.services:
        if not service.spec.selector or service.metadata.is_deleting:
            continue
        groups = find_backends(service, observed.pods)
        actions += _plan_slices(observed, service, groups)
        actions += _plan_endpoints(observed, service, groups)
    return Decision(actions=tuple(actions))


def _plan_slices(
    observed: Observed, service: Service, groups: dict[Ports, tuple[Backend, ...]]
) -> tuple[Action, ...]:
    """A slice for each set of ports; one that is empty where there are no pods at all."""
    known = {s.metadata.name: s for s in observed.slices if _belongs(s, service)}
    wanted = {render.slice_name(service, p): (p, b) for p, b in (groups or {(): ()}).items()}
    written = (
        _write_slice(service, name, ports, backends, known=known.get(name))
        for name, (ports, backends) in wanted.items()
    )
    surplus = (
        Delete(resource=ENDPOINT_SLICES, key=found.key, uid=found.metadata.uid)
        for name, found in known.items()
        if name not in wanted and not found.metadata.is_deleting
    )
    return (*(action for action in written if action), *surplus)


def _write_slice(
    service: Service,
    name: str,
    ports: Ports,
    backends: tuple[Backend, ...],
    *,
    known: EndpointSlice | None,
) -> Action | None:
    endpoints = tuple(render.to_endpoint(service, backend) for backend in backends)
    manifest = render.render_slice(service, name, ports=ports, endpoints=endpoints)
    if known is None:
        return Create(resource=ENDPOINT_SLICES, manifest=manifest)
    if _says(known, ports, endpoints) and _has_labels(known, manifest):
        return None
    return Patch(resource=ENDPOINT_SLICES, key=known.key, patch=manifest)


def _says(known: EndpointSlice, ports: Ports, endpoints: tuple[Endpoint, ...]) -> bool:
    return (known.endpoints or (), known.ports or ()) == (endpoints, ports)


def _plan_endpoints(
    observed: Observed, service: Service, groups: dict[Ports, tuple[Backend, ...]]
) -> tuple[Action, ...]:
    known = next((e for e in observed.endpoints if e.key == service.key), None)
    candidates = (render.to_subset(service, p, b) for p, b in groups.items() if p)
    subsets = tuple(s for s in candidates if s.addresses or s.not_ready_addresses)
    manifest = render.render_endpoints(service, subsets)
    if known is None:
        return (Create(resource=ENDPOINTS, manifest=manifest),)
    same = (known.subsets or ()) == subsets
    if same and _belongs(known, service) and _has_labels(known, manifest):
        return ()
    return (Patch(resource=ENDPOINTS, key=Key(*known.key), patch=manifest),)


def _belongs(item: Object, service: Service) -> bool:
    return any(owner.uid == service.metadata.uid for owner in item.metadata.owner_references)


def _has_labels(item: Object, manifest: dict[str, dict[str, dict[str, str]]]) -> bool:
    return manifest["metadata"]["labels"].items() <= item.metadata.labels.items()
