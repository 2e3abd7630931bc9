"""Pod addresses."""

from ipaddress import IPv4Address, IPv4Network

from kaito.local.node.addresses import POD_NETWORK, Addresses


def test_every_pod_has_its_own_address_of_the_pod_network() -> None:
    addresses = Addresses()
    found = [addresses.allocate() for _ in range(600)]
    assert len(set(found)) == 600
    assert all(IPv4Address(address) in POD_NETWORK for address in found)


def test_a_recorded_address_is_not_given_again() -> None:
    addresses = Addresses()
    addresses.claim("127.64.0.7")
    assert "127.64.0.7" not in {addresses.allocate() for _ in range(20)}


def test_an_address_that_was_given_back_is_the_last_to_be_used_again() -> None:
    addresses = Addresses(IPv4Network("127.64.0.0/29"))
    first, *_ = found = [addresses.allocate() for _ in range(5)]
    addresses.release(first)
    assert addresses.allocate() not in found
    assert addresses.allocate() == first


def test_two_planes_of_a_machine_do_not_give_their_pods_the_same_addresses() -> None:
    one, other = (Addresses(plane=place) for place in ("/home/a/.kaito", "/home/b/.kaito"))
    found = [{addresses.allocate() for _ in range(100)} for addresses in (one, other)]
    assert found[0].isdisjoint(found[1])
    assert all(IPv4Address(address) in POD_NETWORK for address in found[0] | found[1])
    again = Addresses(plane="/home/a/.kaito")
    assert again.allocate() in found[0], "nor does a restart change where a plane begins"
