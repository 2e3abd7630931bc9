"""The chart on a plane, which has its controllers already: the operator stays out of the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from charts import CHART
from planes import RunningPlane, running_plane


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[RunningPlane]:
    with running_plane(tmp_path / "state") as plane:
        yield plane


def test_on_a_plane_the_operators_pods_say_that_their_image_is_not_run(plane: RunningPlane) -> None:
    # The plane's own CRDs were made without helm.
    plane.helm(
        *("install", "kaito", str(CHART), "--namespace", "kaito-workspace", "--create-namespace"),
        *("--set", "crds.enabled=false,replicaCount=1"),
    )
    waiting = "{.status.containerStatuses[0].state.waiting.message}"
    pods = ("-n", "kaito-workspace", "pods", "-l", "app.kubernetes.io/name=kaito-operator")
    plane.kubectl("wait", *pods[:2], "--for=create", *pods[2:], "--timeout=30s")
    plane.kubectl("wait", *pods, f"--for=jsonpath={waiting}", "--timeout=30s")
    said = plane.kubectl("get", *pods, "-o", f"jsonpath={{.items[0]{waiting[1:]}").out
    assert '"operator": executable file not found' in said
    plane.helm("uninstall", "kaito", "--namespace", "kaito-workspace")
    plane.kubectl("wait", *pods, "--for=delete", "--timeout=30s")
