"""Which addresses a Service listens on and where its connections go."""

from typing import Any

import msgspec

from kaito.api import labels
from kaito.local.builtin.kinds import EndpointSlice
from kaito.local.node.proxy_rules import (
    Address,
    Service,
    plan_listeners,
    service_of,
    unsupported_ports,
)

HTTP = {"name": "http", "port": 80}


def service(*ports: dict[str, Any], ip: str = "127.32.0.1", **spec: Any) -> Service:
    return msgspec.convert({"spec": {"clusterIP": ip, "ports": list(ports), **spec}}, Service)


def slice_(*addresses: str, port: int = 5000, ready: bool | None = True) -> EndpointSlice:
    return msgspec.convert(
        {
            "metadata": {"labels": {labels.SERVICE_NAME: "web"}},
            "endpoints": [{"addresses": [a], "conditions": {"ready": ready}} for a in addresses],
            "ports": [{"name": "http", "port": port}],
        },
        EndpointSlice,
    )


def test_ready_endpoints_of_all_slices_stand_behind_the_port() -> None:
    found = plan_listeners(
        service(HTTP), [slice_("127.64.0.2"), slice_("127.64.0.1"), slice_("9.9.9.9", ready=False)]
    )
    behind = (Address("127.64.0.1", 5000), Address("127.64.0.2", 5000))
    assert found == {Address("127.32.0.1", 80): behind}


def test_a_port_is_matched_by_its_name() -> None:
    other = {"name": "metrics", "port": 9}
    found = plan_listeners(service(HTTP, other), [slice_("127.64.0.1")])
    assert found[Address("127.32.0.1", 9)] == ()


def test_absent_readiness_means_ready() -> None:
    found = plan_listeners(service(HTTP), [slice_("127.64.0.1", ready=None)])
    assert found[Address("127.32.0.1", 80)]


def test_a_service_may_publish_what_is_not_ready() -> None:
    found = plan_listeners(
        service(HTTP, publishNotReadyAddresses=True), [slice_("127.64.0.1", ready=False)]
    )
    assert found[Address("127.32.0.1", 80)]


def test_a_headless_service_listens_nowhere() -> None:
    assert plan_listeners(service(HTTP, ip="None"), []) == {}
    assert plan_listeners(service(HTTP, ip=""), []) == {}


def test_only_tcp_is_carried() -> None:
    dns = {"name": "dns", "port": 53, "protocol": "UDP"}
    assert list(plan_listeners(service(dns), [])) == []
    assert [port.port for port in unsupported_ports(service(dns, HTTP))] == [53]


def test_a_slice_names_its_service() -> None:
    assert service_of(slice_()) == "web"
