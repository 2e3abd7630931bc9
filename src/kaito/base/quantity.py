"""Kubernetes quantities (`500m`, `24Gi`, `1e3`) and sizes in words.

Parsing follows https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/.
"""

import re
from decimal import ROUND_CEILING, Decimal

GIB = 1024**3
MIB = 1024**2

_QUANTITY = re.compile(
    r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:([eE][+-]?\d+)|([KMGTPE]i|[numkMGTPE]))?\Z"
)
_SUFFIXES: dict[str, Decimal] = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    **{prefix: Decimal(1000**power) for power, prefix in enumerate("MGTPE", start=2)},
    **{f"{prefix}i": Decimal(1024**power) for power, prefix in enumerate("KMGTPE", start=1)},
}


def parse_quantity(text: str | int | float) -> Decimal:
    """The exact value of a quantity; `ValueError` when the text is none."""
    match = _QUANTITY.match(str(text))
    if match is None:
        raise ValueError(
            f"quantity {text!r} is not a number with an optional suffix such as m, Mi, Gi"
        )
    number, exponent, suffix = match.groups()
    return Decimal(number + (exponent or "")) * _SUFFIXES.get(suffix or "", Decimal(1))


def parse_bytes(text: str | int | float) -> int:
    """A quantity of bytes, rounded up to a whole one."""
    return int(parse_quantity(text).to_integral_value(ROUND_CEILING))


def format_gib(size: int) -> str:
    """Bytes for people: `7.1 GiB`, `269 MiB`."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / MIB:.0f} MiB"


def to_mebibytes(size: int) -> str:
    """Bytes as a quantity in whole Mi, rounded up; what we write into manifests."""
    return f"{-(-size // MIB)}Mi"
