"""What workloads ask about pods."""

from datetime import UTC, datetime

import msgspec
import pytest

from kaito.api.core import Pod
from kaito.local.builtin.pods import by_dispensability, is_available, seconds_to_available

NOW = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


def pod(
    *, name: str = "p", ready_for: int = -1, on: str = "n", phase: str = "Running", age: int = 50
) -> Pod:
    """`ready_for` seconds; negative for one that is not ready."""
    since = datetime(2026, 1, 1, 0, 0, 60 - max(ready_for, 1), tzinfo=UTC)
    ready = {
        "type": "Ready",
        "status": "True" if ready_for >= 0 else "False",
        "lastTransitionTime": since.isoformat(),
    }
    created = datetime(2026, 1, 1, 0, 0, 60 - age, tzinfo=UTC).isoformat()
    manifest = {
        "metadata": {"name": name, "creationTimestamp": created},
        "spec": {"nodeName": on},
        "status": {"phase": phase, "conditions": [ready]},
    }
    return msgspec.convert(manifest, Pod)


@pytest.mark.parametrize(
    ("ready_for", "wanted", "available"),
    [(5, 0, True), (-1, 0, False), (5, 10, False), (10, 10, True), (-1, 10, False)],
)
def test_a_pod_is_available_once_ready_for_long_enough(
    ready_for: int, wanted: int, available: bool
) -> None:
    assert is_available(pod(ready_for=ready_for), wanted, NOW) is available


def test_the_next_pod_to_become_available_says_when_to_look() -> None:
    found = (pod(ready_for=5), pod(ready_for=8), pod(ready_for=-1), pod(ready_for=30))

    assert seconds_to_available(found, 10, NOW) == 2
    assert seconds_to_available(found, 0, NOW) is None
    assert seconds_to_available((), 10, NOW) is None


def test_the_least_useful_pods_are_given_up_first() -> None:
    order = [
        pod(name="unplaced", on="", phase="Pending"),
        pod(name="pending", phase="Pending"),
        pod(name="unready"),
        pod(name="young", ready_for=5, age=10),
        pod(name="old", ready_for=5, age=40),
    ]

    backwards = order[::-1]

    assert sorted(backwards, key=by_dispensability) == order
