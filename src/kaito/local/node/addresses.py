"""Pod addresses: one of 127.64.0.0/10 each, so that two servers can both listen on port 5000.

An address is recorded with its pod and stays its own until the pod is gone, also across restarts
of the agent. The next one is always after the last, so a fresh pod does not answer for an old one.
The network is every plane's of a machine, so where a plane begins depends on which one it is.
"""

from ipaddress import IPv4Address, IPv4Network
from zlib import crc32

POD_NETWORK = IPv4Network("127.64.0.0/10")


class Addresses:
    """The addresses in use."""

    def __init__(self, network: IPv4Network = POD_NETWORK, *, plane: str = "") -> None:
        """`plane` is what tells this plane from others of the machine."""
        self._first = int(network.network_address) + 1
        self._count = network.num_addresses - 2
        self._last = crc32(plane.encode()) % self._count - 1 if plane else -1
        self._used: set[int] = set()

    def claim(self, address: str) -> None:
        """Note an address that a pod has already."""
        number = int(IPv4Address(address)) - self._first
        self._used.add(number)
        self._last = max(self._last, number)

    def allocate(self) -> str:
        """The next free address."""
        for step in range(1, self._count + 1):
            number = (self._last + step) % self._count
            if number not in self._used:
                self._used.add(number)
                self._last = number
                return str(IPv4Address(self._first + number))
        raise AssertionError("four million pods do not fit on one machine")

    def release(self, address: str) -> None:
        """Give an address back."""
        self._used.discard(int(IPv4Address(address)) - self._first)
