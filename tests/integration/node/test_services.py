"""Services that really carry bytes: endpoints in turn, refusal without any, both directions."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.integration.node.plane import PATIENCE, Plane

from kaito.api import labels
from kaito.api.meta import Key, Manifest
from kaito.local.builtin.kinds import ENDPOINT_SLICES
from kaito.local.node.proxy_rules import ALL_SERVICES, Service

pytestmark = pytest.mark.usefixtures("agent")

WEB = Key("default", "web")


class Backend:
    """A server on an address of its own that answers with its name and all it was sent."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.port = 0
        self.cut = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, self.address, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            sent = await reader.read()
            writer.write(f"{self.name} got {len(sent)}".encode())
            await writer.drain()
        except ConnectionError:
            self.cut.set()
        writer.close()


@pytest.fixture
async def backends() -> AsyncIterator[list[Backend]]:
    found = [Backend("one", "127.64.200.1"), Backend("two", "127.64.200.2")]
    for backend in found:
        await backend.start()
    yield found
    for backend in found:
        backend.stop()


async def make_service(plane: Plane, port: int = 8000, **spec: object) -> Service:
    ports = [{"name": "http", "port": port, "protocol": "TCP"}]
    manifest: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"ports": ports, **spec},
    }
    created = await plane.client.create(ALL_SERVICES, manifest)
    assert created.spec.cluster_ip.startswith("127.")
    return created


async def set_endpoints(plane: Plane, *backends: Backend, ready: bool = True) -> None:
    """One slice for each backend, since each listens on a port of its own."""
    for known in (await plane.client.list(ENDPOINT_SLICES)).items:
        await plane.client.delete(ENDPOINT_SLICES, known.key)
    for backend in backends:
        meta = {
            "name": f"web-{backend.name}",
            "namespace": "default",
            "labels": {labels.SERVICE_NAME: "web"},
        }
        manifest = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": meta,
            "addressType": "IPv4",
            "endpoints": [{"addresses": [backend.address], "conditions": {"ready": ready}}],
            "ports": [{"name": "http", "port": backend.port, "protocol": "TCP"}],
        }
        await plane.create(ENDPOINT_SLICES, manifest)


async def ask(host: str, port: int, data: bytes = b"hello") -> str:
    """Send everything, end our direction, and read the answer to its end."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(data)
            writer.write_eof()
            return (await reader.read()).decode()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def until_answer(host: str, port: int, wanted: str) -> str:
    """Ask until the proxy has caught up with the API server."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                if (answer := await ask(host, port)).startswith(wanted):
                    return answer
            except OSError:
                await asyncio.sleep(0)


async def until_refused(host: str, port: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await ask(host, port)
            except ConnectionRefusedError:
                return
            except OSError:
                await asyncio.sleep(0)


def may_bind_privileged_ports() -> bool:
    first_free = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()
    return os.geteuid() == 0 or int(first_free) <= 80


async def test_connections_go_to_the_ready_endpoints_in_turn(
    plane: Plane, backends: list[Backend]
) -> None:
    service = await make_service(plane)
    await set_endpoints(plane, *backends)
    host = service.spec.cluster_ip
    await until_answer(host, 8000, "two")
    answers = [await ask(host, 8000) for _ in range(4)]
    assert sorted(answers) == ["one got 5", "one got 5", "two got 5", "two got 5"]


async def test_without_a_ready_endpoint_connections_are_refused_at_once(
    plane: Plane, backends: list[Backend]
) -> None:
    service = await make_service(plane)
    host = service.spec.cluster_ip
    with pytest.raises(ConnectionRefusedError):
        await ask(host, 8000)
    await set_endpoints(plane, backends[0])
    await until_answer(host, 8000, "one")
    await set_endpoints(plane, backends[0], ready=False)
    await until_refused(host, 8000)


async def test_endpoints_that_are_not_ready_are_used_where_the_service_says_so(
    plane: Plane, backends: list[Backend]
) -> None:
    service = await make_service(plane, publishNotReadyAddresses=True)
    await set_endpoints(plane, backends[0], ready=False)
    await until_answer(service.spec.cluster_ip, 8000, "one")


async def test_an_endpoint_that_refuses_is_passed_over(
    plane: Plane, backends: list[Backend]
) -> None:
    service = await make_service(plane)
    await set_endpoints(plane, *backends)
    await until_answer(service.spec.cluster_ip, 8000, "two")
    backends[0].stop()
    answers = {await ask(service.spec.cluster_ip, 8000) for _ in range(4)}
    assert answers == {"two got 5"}
    backends[1].stop()
    with pytest.raises(OSError, match=r"reset|not connected|broken"):
        await ask(service.spec.cluster_ip, 8000)


async def test_much_data_passes_whole(plane: Plane, backends: list[Backend]) -> None:
    service = await make_service(plane)
    await set_endpoints(plane, backends[0])
    host = service.spec.cluster_ip
    await until_answer(host, 8000, "one")
    assert await ask(host, 8000, b"x" * 20_000_000) == "one got 20000000"


async def test_a_service_that_goes_lets_go_of_its_address(
    plane: Plane, backends: list[Backend]
) -> None:
    service = await make_service(plane)
    await set_endpoints(plane, backends[0])
    await until_answer(service.spec.cluster_ip, 8000, "one")
    await plane.client.delete(ALL_SERVICES, WEB)
    await until_refused(service.spec.cluster_ip, 8000)


async def test_a_protocol_that_is_not_carried_is_said(plane: Plane) -> None:
    manifest: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "dns", "namespace": "default"},
        "spec": {"ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]},
    }
    await plane.client.create(ALL_SERVICES, manifest)
    event = await plane.until_event("dns", "ProtocolNotSupported")
    assert event.message == "port 53/UDP is not carried: this plane proxies TCP only"


async def test_a_privileged_port_works_or_its_users_are_told_what_does(
    plane: Plane, backends: list[Backend]
) -> None:
    service = await make_service(plane, port=80)
    await set_endpoints(plane, backends[0])
    host = service.spec.cluster_ip
    if may_bind_privileged_ports():
        await until_answer(host, 80, "one")
        return
    event = await plane.until_event("web", "PortRemapped")
    assert f"use http://{host}:30080 instead of http://{host}:80" in event.message
    await until_answer(host, 30080, "one")
    noted = (await plane.client.get(ALL_SERVICES, WEB)).metadata.annotations
    assert noted[labels.REACHABLE_AT] == f"http://{host}:30080"
