"""Cluster addresses: free ones, fixed ones, none."""

from ipaddress import IPv4Address
from typing import Any

from kaito.local.apiserver.rules.services import NETWORK, NODE_PORTS, ServiceRules


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "default", "name": name},
        "spec": {"type": "ClusterIP", "ports": [{"port": 80}], **spec},
    }


def test_addresses_differ_and_lie_in_the_network() -> None:
    rules = ServiceRules()
    found = {rules.on_create(service(f"s{n}"))["spec"]["clusterIP"] for n in range(500)}
    assert len(found) == 500
    assert all(IPv4Address(address) in NETWORK for address in found)
    assert not any(address.endswith((".0", ".255")) for address in found)


def test_an_address_that_was_given_back_is_found_again() -> None:
    rules = ServiceRules()
    first = rules.on_create(service("s"))
    rules.on_failure(first)
    assert rules.on_create(service("s")) == first


def test_node_ports_are_given_where_the_type_has_them() -> None:
    rules = ServiceRules()
    ports = [{"port": 80}, {"port": 81}]
    made = rules.on_create(service("s", type="NodePort", ports=ports))["spec"]["ports"]
    assert made[0]["nodePort"] in NODE_PORTS
    assert made[0]["nodePort"] != made[1]["nodePort"]
    assert "nodePort" not in rules.on_create(service("t"))["spec"]["ports"][0]


def test_a_service_that_becomes_a_name_loses_its_address() -> None:
    rules = ServiceRules()
    old = rules.on_create(service("s"))
    new = service("s", type="ExternalName", externalName="example.com")
    assert "clusterIP" not in rules.on_update(new, old)["spec"]


def test_ports_are_named_apart() -> None:
    rules = ServiceRules()
    ports = [{"name": "a", "port": 1}, {"name": "a", "port": 2}, {"port": 3}]
    fields = {problem.field for problem in rules.problems(service("s", ports=ports), None)}
    assert fields == {"spec.ports[1].name", "spec.ports[2].name"}
    (problem,) = rules.problems(service("s", ports=[]), None)
    assert problem.field == "spec.ports"


def test_services_of_one_name_in_two_planes_of_a_machine_have_addresses_of_their_own() -> None:
    def address(plane: str, name: str) -> str:
        made = ServiceRules(plane=plane).on_create(service(name))
        return str(made["spec"]["clusterIP"])

    names = [f"s{number}" for number in range(200)]
    one, other = ({address(plane, name) for name in names} for plane in ("/a/.kaito", "/b/.kaito"))
    assert one.isdisjoint(other)
    assert address("/a/.kaito", "s0") == address("/a/.kaito", "s0") in one, "also after a restart"
