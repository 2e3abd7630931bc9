"""What pods ask for."""

from typing import Any

import msgspec
import pytest

from kaito.api.core import Pod
from kaito.local.builtin.scheduler.amounts import requested


def pod(containers: list[dict[str, Any]], init: list[dict[str, Any]] | None = None) -> Pod:
    return msgspec.convert({"spec": {"containers": containers, "initContainers": init or []}}, Pod)


def asking(restart: str = "", **requests: str) -> dict[str, Any]:
    return {"resources": {"requests": requests}, "restartPolicy": restart}


@pytest.mark.parametrize(
    ("found", "amounts"),
    [
        (pod([asking(cpu="500m"), asking(cpu="1.5")]), {"cpu": 2000}),
        (pod([asking(memory="1Gi"), asking(memory="1k")]), {"memory": 2**30 + 1000}),
        (pod([asking(memory="1Ki")], [asking(memory="3Ki")]), {"memory": 3 * 1024}),
        (pod([asking(memory="3Ki")], [asking(memory="1Ki")]), {"memory": 3 * 1024}),
        (pod([asking(cpu="1")], [asking("Always", cpu="1")]), {"cpu": 2000}),
        (
            pod([asking(cpu="1")], [asking("Always", cpu="1"), asking(cpu="2")]),
            {"cpu": 3000},
        ),
        (pod([{"resources": {"limits": {"nvidia.com/gpu": "1"}}}]), {"nvidia.com/gpu": 1}),
        (pod([{"name": "modest"}]), {}),
    ],
    ids=[
        "containers add up",
        "binary and decimal units add up",
        "a larger init container counts alone",
        "a smaller init container does not count",
        "a sidecar adds to the containers",
        "a sidecar adds to the init containers after it",
        "a limit is a request where there is none",
        "nothing asked is nothing",
    ],
)
def test_a_pod_asks_for_what_it_needs_at_its_peak(found: Pod, amounts: dict[str, int]) -> None:
    assert requested(found) == amounts
