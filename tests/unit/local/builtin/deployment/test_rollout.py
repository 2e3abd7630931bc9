"""The bounds of a rolling update."""

import msgspec
import pytest

from kaito.local.builtin.deployment.replicasets import Limits
from kaito.local.builtin.deployment.rollout import derive_limits
from kaito.local.builtin.kinds import Deployment

Share = int | str | None


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "most", "least"),
    [
        (4, None, None, 5, 3),
        (3, "25%", "25%", 4, 3),
        (10, "25%", "25%", 13, 8),
        (10, 0, 3, 10, 7),
        (10, "100%", 0, 20, 10),
        (1, "0%", "1%", 1, 0),
        (2, 0, 5, 2, 0),
        (0, "25%", "25%", 0, 0),
    ],
)
def test_surge_is_rounded_up_and_unavailability_down(
    replicas: int, surge: Share, unavailable: Share, most: int, least: int
) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    spec = {"replicas": replicas, "strategy": {"rollingUpdate": rolling}}

    found = msgspec.convert({"spec": spec}, Deployment)

    assert derive_limits(found) == Limits(most=most, least=least)


def test_recreate_has_no_pod_more_and_may_have_none() -> None:
    found = msgspec.convert({"spec": {"replicas": 3, "strategy": {"type": "Recreate"}}}, Deployment)

    assert derive_limits(found) == Limits(most=3, least=0)
