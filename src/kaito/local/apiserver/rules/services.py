"""Services: an address on the loopback network, ports, and what may not change.

Cluster addresses come from 127.32.0.0/11. Where a Service's search for a free one begins depends on
its name and on which plane this is: deleting and making it again usually gives it back the same
address, and Services of one name in two planes of a machine, which share that network, differ.
"""

from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any
from zlib import crc32

from kaito.api.meta import Manifest
from kaito.local.apiserver import errors
from kaito.local.apiserver.errors import Cause
from kaito.local.apiserver.objects import decode, metadata
from kaito.local.apiserver.rules.base import Rules

if TYPE_CHECKING:
    from kaito.local.apiserver.core import Core
    from kaito.local.store.port import Change

NETWORK = IPv4Network("127.32.0.0/11")
NODE_PORTS = range(30000, 32768)
_HEADLESS = "None"


class ServiceRules(Rules):
    """See `Rules`. Knows the addresses and node ports that are taken."""

    def __init__(self, *, plane: str = "") -> None:
        """`plane` is what tells this plane from others of the machine, now and after a restart."""
        self._plane = plane
        self._owners: dict[str, str] = {}
        self._node_ports: set[int] = set()

    def on_create(self, manifest: Manifest) -> Manifest:
        """Give it an address, and node ports where its type has them."""
        return {**self._addressed(manifest), "status": {"loadBalancer": {}}}

    def on_update(self, new: Manifest, old: Manifest) -> Manifest:
        """Keep the address, unless the type no longer has one, or only now has."""
        spec, before = new["spec"], old["spec"]
        if spec.get("type") == "ExternalName":
            return {**new, "spec": _without_address(spec)}
        if before.get("clusterIP") and not spec.get("clusterIP"):
            kept = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
            spec = {**spec, **{key: before[key] for key in kept if key in before}}
            new = {**new, "spec": spec}
        return self._addressed(new)

    def on_failure(self, manifest: Manifest) -> None:
        """Give back what was taken for it."""
        self._release(manifest)

    def problems(self, new: Manifest, old: Manifest | None) -> tuple[Cause, ...]:
        """Ports, and the address that was asked for."""
        return (*_port_problems(new["spec"]), *self._address_problems(new, old))

    def stored(self, core: "Core", change: "Change") -> None:
        """Remember, or forget, what it has."""
        del core
        if change.type == "DELETED":
            self._release(decode(change.entry.value))
            return
        service = decode(change.entry.value)
        if change.previous is not None:
            self._release(decode(change.previous.value))
        if address := _address(service):
            self._owners[address] = _owner(service)
        self._node_ports |= _node_ports(service)

    def _addressed(self, manifest: Manifest) -> Manifest:
        spec = manifest["spec"]
        if spec.get("type") == "ExternalName":
            return manifest
        address = spec.get("clusterIP") or self._free_address(_owner(manifest))
        if address != _HEADLESS:
            self._owners[address] = _owner(manifest)
        families = {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}
        addressed = {**spec, "clusterIP": address, "clusterIPs": [address], **families}
        return {**manifest, "spec": self._with_node_ports(addressed)}

    def _free_address(self, owner: str) -> str:
        size = NETWORK.num_addresses
        start = crc32(f"{self._plane} {owner}".encode())
        for step in range(size):
            number = (start + step) % size
            # No program expects to be at an address that ends in .0 or .255.
            if number & 0xFF in {0, 255}:
                continue
            address = str(NETWORK[number])
            if address not in self._owners:
                return address
        raise errors.internal(f"every address of {NETWORK} belongs to a Service")

    def _with_node_ports(self, spec: dict[str, Any]) -> dict[str, Any]:
        if spec.get("type") not in {"NodePort", "LoadBalancer"}:
            return spec
        ports = []
        for port in spec.get("ports") or ():
            number = port.get("nodePort") or self._free_node_port(spec)
            self._node_ports.add(number)
            ports.append({**port, "nodePort": number})
        return {**spec, "ports": ports}

    def _free_node_port(self, spec: dict[str, Any]) -> int:
        start = crc32(spec["clusterIP"].encode())
        for step in range(len(NODE_PORTS)):
            number = NODE_PORTS[(start + step) % len(NODE_PORTS)]
            if number not in self._node_ports:
                return number
        raise errors.internal("every node port belongs to a Service")

    def _address_problems(self, new: Manifest, old: Manifest | None) -> list[Cause]:
        asked = _address(new)
        if old is not None:
            before = (old["spec"] or {}).get("clusterIP")
            now = new["spec"].get("clusterIP")
            if before and now and before != now:
                message = f'Invalid value: ["{now}"]: may not change once set'
                return [Cause("spec.clusterIPs[0]", message)]
        if not asked or self._owners.get(asked) == _owner(new):
            return []
        try:
            inside = IPv4Address(asked) in NETWORK
        except ValueError:
            inside = False
        if not inside:
            message = (
                f'Invalid value: ["{asked}"]: failed to allocate IP {asked}: the provided IP is '
                f"not in the valid range. The range of valid IPs is {NETWORK}"
            )
            return [Cause("spec.clusterIPs", message)]
        if asked in self._owners:
            message = (
                f'Invalid value: ["{asked}"]: failed to allocate IP {asked}: provided IP is '
                "already allocated"
            )
            return [Cause("spec.clusterIPs", message)]
        return []

    def _release(self, service: Manifest) -> None:
        address = _address(service)
        if address and self._owners.get(address) == _owner(service):
            del self._owners[address]
        self._node_ports -= _node_ports(service)


def _owner(service: Manifest) -> str:
    meta = metadata(service)
    return f"{meta.get('namespace', '')}/{meta.get('name', '')}"


def _address(service: Manifest) -> str:
    address: str = (service.get("spec") or {}).get("clusterIP") or ""
    return "" if address == _HEADLESS else address


def _node_ports(service: Manifest) -> set[int]:
    ports = (service.get("spec") or {}).get("ports") or ()
    return {port["nodePort"] for port in ports if port.get("nodePort")}


def _without_address(spec: dict[str, Any]) -> dict[str, Any]:
    dropped = {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"}
    return {key: value for key, value in spec.items() if key not in dropped}


def _port_problems(spec: dict[str, Any]) -> list[Cause]:
    ports = spec.get("ports") or []
    if spec.get("type") == "ExternalName":
        return []
    if not ports and spec.get("clusterIP") != _HEADLESS:
        return [Cause("spec.ports", "Required value", "FieldValueRequired")]
    found, names = [], set()
    for index, port in enumerate(ports):
        name = port.get("name") or ""
        if len(ports) > 1 and not name:
            found.append(Cause(f"spec.ports[{index}].name", "Required value", "FieldValueRequired"))
        elif name in names:
            message = f'Duplicate value: "{name}"'
            found.append(Cause(f"spec.ports[{index}].name", message, "FieldValueDuplicate"))
        names.add(name)
    return found
