"""What pods ask for and nodes offer, as whole numbers: CPUs in thousandths, the rest in units."""

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING

from kaito.api.core import Container, Pod
from kaito.base.quantity import parse_quantity

Amounts = Mapping[str, int]
"""Resource name -> amount: cpu in thousandths, memory in bytes, everything else in units."""

CPU = "cpu"
MEMORY = "memory"
PODS = "pods"


def to_amounts(quantities: Mapping[str, str | int | float]) -> Amounts:
    """Quantities as whole numbers, rounded up."""
    return {name: _to_amount(name, quantity) for name, quantity in quantities.items()}


def requested(pod: Pod) -> Amounts:
    """What a pod needs at most at any moment of its life.

    Init containers run one after another before the rest, so only the largest counts; those that
    restart always (sidecars) stay and add up. See
    https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers.
    """
    sidecars: Counter[str] = Counter()
    peak: Counter[str] = Counter()
    for container in pod.spec.init_containers:
        asked = Counter(_requested(container))
        if container.restart_policy == "Always":
            sidecars += asked
            peak |= sidecars
        else:
            peak |= sidecars + asked
    running = sum((Counter(_requested(c)) for c in pod.spec.containers), Counter[str]())
    return dict(peak | (sidecars + running))


def total(amounts: Iterable[Amounts]) -> Amounts:
    """The sum."""
    return dict(sum((Counter(each) for each in amounts), Counter[str]()))


def _requested(container: Container) -> Amounts:
    # A limit without a request asks for as much as the limit.
    return to_amounts({**container.resources.limits, **container.resources.requests})


def _to_amount(name: str, quantity: str | int | float) -> int:
    exact = parse_quantity(quantity) * (1000 if name == CPU else 1)
    return int(exact.to_integral_value(ROUND_CEILING))
