"""The string formats that schemas name, each as a check.

An unknown format is no constraint, as in Kubernetes. The Kubernetes-specific ones carry the
messages of https://pkg.go.dev/k8s.io/apimachinery/pkg/util/validation.
"""

import base64
import binascii
import ipaddress
import re
import uuid
from collections.abc import Callable
from datetime import date
from urllib.parse import urlsplit

from kaito.base.clock import parse_rfc3339
from kaito.base.quantity import parse_quantity

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_DURATION = re.compile(r"[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w))+)\Z")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\Z")

_LABEL_MESSAGE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must"
    " start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for"
    " validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_MESSAGE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for"
    " validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_QUANTITY_MESSAGE = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


def explain_mismatch(format_: str, text: str) -> str:
    """Why the text is not of the format; empty when it is, or when the format is unknown.

    The answer is a whole sentence for Kubernetes' own formats and the bare format name for others.
    """
    check = _CHECKS.get(format_)
    return check(text) if check else ""


def _parses_as(name: str, parse: Callable[[str], object]) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            parse(text)
        except ValueError:
            return name
        return ""

    return check


def _matches(name: str, pattern: re.Pattern[str]) -> Callable[[str], str]:
    return lambda text: "" if pattern.match(text) else name


def _limited(pattern: re.Pattern[str], message: str, most: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if len(text) > most:
            return f"must be no more than {most} bytes"
        return "" if pattern.match(text) else message

    return check


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _parse_moment(text: str) -> object:
    if not _DATE_TIME.match(text):
        raise ValueError(text)
    # Python's parser stops at six decimals; how many there are does not matter here.
    return parse_rfc3339(re.sub(r"\.\d+", "", text).upper())


def _parse_uri(text: str) -> object:
    if not urlsplit(text).scheme:
        raise ValueError(text)
    return text


def _parse_network(text: str) -> object:
    if "/" not in text:
        raise ValueError(text)
    return ipaddress.ip_network(text, strict=False)


def _check_quantity(text: str) -> str:
    return _parses_as(_QUANTITY_MESSAGE, parse_quantity)(text)


_CHECKS: dict[str, Callable[[str], str]] = {
    "date-time": _parses_as("date-time", _parse_moment),
    "datetime": _parses_as("datetime", _parse_moment),
    "date": _parses_as("date", date.fromisoformat),
    "duration": _matches("duration", _DURATION),
    "byte": _parses_as("byte", _decode_base64),
    "uuid": _matches("uuid", _UUID),
    "uuid3": _parses_as("uuid3", uuid.UUID),
    "uuid4": _parses_as("uuid4", uuid.UUID),
    "uuid5": _parses_as("uuid5", uuid.UUID),
    "ipv4": _parses_as("ipv4", ipaddress.IPv4Address),
    "ipv6": _parses_as("ipv6", ipaddress.IPv6Address),
    "cidr": _parses_as("cidr", _parse_network),
    "uri": _parses_as("uri", _parse_uri),
    "email": _matches("email", _EMAIL),
    "hostname": _matches("hostname", _SUBDOMAIN),
    "quantity": _check_quantity,
    "k8s-short-name": _limited(_LABEL, _LABEL_MESSAGE, 63),
    "k8s-long-name": _limited(_SUBDOMAIN, _SUBDOMAIN_MESSAGE, 253),
}
