"""Which addresses data may be fetched from: public ones, whatever way they are spelt.

A pod that fetches what a manifest names must not become a way into the cluster's network. Literal
addresses are judged as the C library reads them (inet_aton: decimal, octal, hexadecimal, shortened
forms). Names are not resolved here: admission makes no network call, and the answer may differ when
the pod asks.
"""

import ipaddress
import re
import unicodedata
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

_METADATA_NAMES: Final = frozenset(
    {
        "metadata",
        "metadata.google",
        "metadata.google.internal",
        "metadata.azure.com",
        "metadata.azure.internal",
        "instance-data",
        "instance-data.ec2.internal",
    }
)
_METADATA_ADDRESSES: Final = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254",  # Azure, AWS, GCP and most others
            "169.254.170.2",  # AWS ECS
            "168.63.129.16",  # Azure's host, a public address
            "100.100.100.200",  # Alibaba
            "192.0.0.192",  # Oracle, an older one
            "fd00:ec2::254",  # AWS over IPv6
        ),
    )
)
_RESERVED: Final = ipaddress.IPv4Network("192.0.0.0/24")
"""Of the IETF's protocols (RFC 6890); Python takes parts of it for public ones."""
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
"""Leads to IPv4 addresses that the network chooses (RFC 8215)."""
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_data_url(url: str, *, allow_private: bool = False) -> str:
    """What is wrong with an address to fetch data from, or an empty text.

    Args:
        url: as the manifest has it.
        allow_private: whether this machine and its network may be asked, but for the endpoints
            from which clouds give out credentials.
    """
    try:
        parts = urlsplit(url)
        host = _host(parts)
        _ = parts.port
    except ValueError:
        return "invalid data source URL: its host or port cannot be read"
    if problem := _check_form(url, parts, host):
        return problem
    address = _address(host)
    if host in _METADATA_NAMES or _is_metadata(address):
        return "data source URL must not target a local or metadata endpoint"
    if allow_private:
        return ""
    if host == "localhost" or host.endswith(".localhost"):
        return "data source URL must not target a local or metadata endpoint"
    if address is not None and not _is_public(address):
        return "data source URL must not target a loopback, private, or link-local address"
    return ""


def host_of(url: str) -> str:
    """The host that an address names; empty where it cannot be read."""
    try:
        return _host(urlsplit(url))
    except ValueError:
        return ""


def _check_form(url: str, parts: SplitResult, host: str) -> str:
    if parts.scheme.lower() not in {"http", "https"}:
        return "data source URL must use HTTP or HTTPS"
    if any(ord(character) <= ord(" ") or character == "\x7f" for character in url):
        return "invalid data source URL: it holds a space or a control character"
    if not host or "\\" in parts.netloc:
        return "invalid data source URL: there is no host in it"
    if "@" in parts.netloc:
        return "data source URL must not carry a user or a password: anyone can read a manifest"
    return ""


def _host(parts: SplitResult) -> str:
    """The host as a resolver would see it: unescaped, folded, without a zone or a final dot."""
    host = unquote(parts.hostname or "").partition("%")[0]
    folded = unicodedata.normalize("NFKC", host).lower()
    return folded.replace("\u3002", ".").rstrip(".")


def _address(host: str) -> Address | None:
    """The address that `host` spells, or None for a name."""
    try:
        address: Address = ipaddress.ip_address(host)
    except ValueError:
        return _shortened(host)
    return _inside(address) if isinstance(address, ipaddress.IPv6Address) else address


def _is_metadata(address: Address | None) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address in _LOCAL_NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) in _METADATA_ADDRESSES
    return address in _METADATA_ADDRESSES


def _is_public(address: Address) -> bool:
    if address in _RESERVED or address in _LOCAL_NAT64:
        return False
    return address.is_global and not address.is_multicast


def _inside(address: ipaddress.IPv6Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it stands for one."""
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour or address
    low = int(address) & 0xFFFFFFFF
    # 64:ff9b::/96 is NAT64's, ::ffff:0:0:0/96 stateless translation's, ::/96 the form that
    # IPv4-mapped addresses replaced.
    if int(address) >> 32 in (0x0064_FF9B << 64, 0xFFFF_0000, 0) and low > 1:
        return ipaddress.IPv4Address(low)
    return address


def _shortened(host: str) -> ipaddress.IPv4Address | None:
    """An IPv4 address in another form of inet_aton's: 1 to 4 numbers, the last takes the rest."""
    texts = host.split(".")
    if len(texts) > 4 or not all(_NUMBER.fullmatch(text) for text in texts):
        return None
    try:
        numbers = [_number(text) for text in texts]
    except ValueError:
        return None
    *heads, last = numbers
    if any(head > 255 for head in heads) or last >= 256 ** (4 - len(heads)):
        return None
    value = sum(head << (24 - 8 * index) for index, head in enumerate(heads)) + last
    return ipaddress.IPv4Address(value)


def _number(text: str) -> int:
    if text[:2].lower() == "0x":
        return int(text[2:] or "0", 16)
    return int(text, 8) if text.startswith("0") else int(text)
