"""Quality of service classes."""

from typing import Any

import pytest

from kaito.local.apiserver.rules.quality import qos_class

FULL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([{}], "BestEffort"),
        ([{"limits": {"nvidia.com/gpu": "1"}}], "BestEffort"),
        ([{"requests": {"cpu": "0"}}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": FULL}], "Guaranteed"),
        ([{"limits": FULL, "requests": {"cpu": "1000m", "memory": "1024Mi"}}], "Guaranteed"),
        ([{"limits": FULL, "requests": {"cpu": "500m"}}], "Burstable"),
        ([{"limits": FULL}, {}], "Burstable"),
    ],
)
def test_the_class_follows_from_requests_and_limits(
    resources: list[dict[str, Any]], expected: str
) -> None:
    containers = [{"name": f"c{n}", "resources": r} for n, r in enumerate(resources)]
    assert qos_class({"spec": {"containers": containers}}) == expected
