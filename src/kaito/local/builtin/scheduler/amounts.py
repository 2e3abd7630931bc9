"""What pods ask for and nodes offer, as whole numbers: CPUs in thousandths, the rest in units.

A pass of the scheduler asks this of every pod and node there is, and most of them are alike: what
was computed of the same quantities is remembered.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

from kaito.api.core import Container, Pod
from kaito.base.quantity import parse_quantity

Amounts = Mapping[str, int]
"""Resource name -> amount: cpu in thousandths, memory in bytes, everything else in units."""

CPU = "cpu"
MEMORY = "memory"
PODS = "pods"


_REMEMBERED = 4096
_Quantities: TypeAlias = tuple[tuple[str, str | int | float], ...]
_Asked: TypeAlias = tuple[str, _Quantities]
"""A container's restart policy, and what it asks for."""


def to_amounts(quantities: Mapping[str, str | int | float]) -> Amounts:
    """Quantities as whole numbers, rounded up."""
    return _amounts(tuple(quantities.items()))


def requested(pod: Pod) -> Amounts:
    """What a pod needs at most at any moment of its life.

    Init containers run one after another before the rest, so only the largest counts; those that
    restart always (sidecars) stay and add up. See
    https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers.
    """
    first = tuple(_asked(container) for container in pod.spec.init_containers)
    return _peak(first, tuple(_asked(container) for container in pod.spec.containers))


def total(amounts: Iterable[Amounts]) -> Amounts:
    """The sum."""
    return dict(sum((Counter(each) for each in amounts), Counter[str]()))


def _asked(container: Container) -> _Asked:
    # A limit without a request asks for as much as the limit.
    asked = {**container.resources.limits, **container.resources.requests}
    return container.restart_policy, tuple(asked.items())


@lru_cache(_REMEMBERED)
def _peak(first: tuple[_Asked, ...], then: tuple[_Asked, ...]) -> Amounts:
    sidecars: Counter[str] = Counter()
    peak: Counter[str] = Counter()
    for restart_policy, quantities in first:
        asked = Counter(_amounts(quantities))
        if restart_policy == "Always":
            sidecars += asked
            peak |= sidecars
        else:
            peak |= sidecars + asked
    running = sum((Counter(_amounts(quantities)) for _, quantities in then), Counter[str]())
    return MappingProxyType(dict(peak | (sidecars + running)))


@lru_cache(_REMEMBERED)
def _amounts(quantities: _Quantities) -> Amounts:
    return MappingProxyType({name: _to_amount(name, quantity) for name, quantity in quantities})


def _to_amount(name: str, quantity: str | int | float) -> int:
    exact = parse_quantity(quantity) * (1000 if name == CPU else 1)
    return int(exact.to_integral_value(ROUND_CEILING))
