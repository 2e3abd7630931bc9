"""The Service proxy: keeps one listener for every TCP port of every ClusterIP.

One task works on one Service after another, whenever it or its endpoints change. What a Service's
users must know (a port that moved, a protocol that is not carried) becomes an Event, and the
address that works an annotation.
"""

import logging
from collections.abc import Mapping

from kaito.api import labels
from kaito.api.meta import Key
from kaito.base.logs import facts
from kaito.kube import errors
from kaito.kube.cache import Reader
from kaito.kube.client import Client
from kaito.kube.workqueue import WorkQueue
from kaito.local.builtin.kinds import ENDPOINT_SLICES, EndpointSlice
from kaito.local.node.events import Events
from kaito.local.node.lifecycle.facts import PodEvent
from kaito.local.node.proxy_listener import Listener
from kaito.local.node.proxy_rules import (
    ALL_SERVICES,
    Address,
    Service,
    plan_listeners,
    service_of,
    unsupported_ports,
)

logger = logging.getLogger(__name__)


class ServiceProxy:
    """All listeners of this machine."""

    def __init__(
        self, client: Client, reader: Reader, events: Events, *, queue: WorkQueue[Key]
    ) -> None:
        self._client = client
        self._reader = reader
        self._events = events
        self._queue = queue
        self._listeners: dict[Key, dict[Address, Listener]] = {}
        self._told: set[tuple[str, str]] = set()

    def service_changed(self, old: Service | None, new: Service | None) -> None:
        """A Service is new, different or gone."""
        for item in (old, new):
            if item is not None:
                self._queue.add(item.key)

    def slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        """The endpoints of a Service are different."""
        for item in (old, new):
            if item is not None and service_of(item):
                self._queue.add(Key(item.metadata.namespace, service_of(item)))

    async def run(self) -> None:
        """Follow Services until cancelled; then nothing is listened on any more."""
        try:
            while True:
                key = await self._queue.get()
                try:
                    await self._follow(key)
                    self._queue.forget(key)
                except Exception:
                    delay = self._queue.add_failed(key)
                    found = facts(service=key, retry_in=round(delay, 2))
                    logger.exception("service not proxied", extra=found)
                finally:
                    self._queue.done(key)
        finally:
            for listeners in self._listeners.values():
                for listener in listeners.values():
                    listener.close()
            self._listeners.clear()

    async def _follow(self, key: Key) -> None:
        service = self._reader.get(ALL_SERVICES, key)
        wanted: Mapping[Address, tuple[Address, ...]] = {}
        if service is not None:
            slices = self._reader.list(ENDPOINT_SLICES, namespace=key.namespace)
            wanted = plan_listeners(service, (s for s in slices if service_of(s) == key.name))
        current = self._listeners.setdefault(key, {})
        for address in current.keys() - wanted.keys():
            current.pop(address).close()
        for address, endpoints in wanted.items():
            if address not in current:
                self._open(current, address, service)
            if address in current:
                current[address].route(endpoints)
        if not current:
            del self._listeners[key]
        if service is not None:
            await self._tell(service, current)

    def _open(
        self, current: dict[Address, Listener], address: Address, service: Service | None
    ) -> None:
        try:
            current[address] = Listener(address)
        except OSError as error:
            if service is not None:
                said = f"{address} cannot be listened on: {(error.strerror or str(error)).lower()}"
                self._warn(service, "ListenFailed", said)

    async def _tell(self, service: Service, current: Mapping[Address, Listener]) -> None:
        """Say what is different from a Service in a cluster, once."""
        for port in unsupported_ports(service):
            said = f"port {port.port}/{port.protocol} is not carried: this plane proxies TCP only"
            self._warn(service, "ProtocolNotSupported", said)
        remapped = [listener for listener in current.values() if listener.is_remapped]
        for listener in remapped:
            said = (
                f"port {listener.wanted.port} needs privileges that kaito does not have: "
                f"use http://{listener.bound} instead of http://{listener.wanted}"
            )
            self._warn(service, "PortRemapped", said)
        reachable = f"http://{remapped[0].bound}" if remapped else None
        if service.metadata.annotations.get(labels.REACHABLE_AT) != reachable:
            await self._annotate(service, reachable)

    async def _annotate(self, service: Service, reachable: str | None) -> None:
        patch = {"metadata": {"annotations": {labels.REACHABLE_AT: reachable}}}
        try:
            await self._client.patch(ALL_SERVICES, service.key, patch)
        except errors.NotFound:
            return

    def _warn(self, service: Service, reason: str, message: str) -> None:
        if (service.metadata.uid, message) in self._told:
            return
        self._told.add((service.metadata.uid, message))
        about = Service(
            api_version="v1", kind="Service", metadata=service.metadata, spec=service.spec
        )
        self._events.note(about, PodEvent(type="Warning", reason=reason, message=message))
