"""Where volumes appear in a container."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.local.node.pods import make_pod

from kaito.local.node.errors import NotStartable
from kaito.local.node.mounts import Mount, plan_mounts

VOLUMES = {"data": Path("/s/data")}


def plan(*mounts: dict[str, Any], **variables: str) -> tuple[Mount, ...]:
    pod = make_pod({"volumeMounts": list(mounts)})
    return plan_mounts(pod.spec.containers[0], VOLUMES, variables)


def test_outer_mounts_come_before_inner_ones() -> None:
    found = plan(
        {"name": "data", "mountPath": "/a/b"}, {"name": "data", "mountPath": "/a", "readOnly": True}
    )
    assert [(mount.path, mount.is_read_only) for mount in found] == [("/a", True), ("/a/b", False)]


def test_a_part_of_a_volume_can_be_chosen_by_name_or_by_variable() -> None:
    found = plan(
        {"name": "data", "mountPath": "/a", "subPath": "x"},
        {"name": "data", "mountPath": "/b", "subPathExpr": "logs/$(POD)"},
        POD="web-0",
    )
    assert [str(mount.source) for mount in found] == ["/s/data/x", "/s/data/logs/web-0"]


@pytest.mark.parametrize("part", ["../x", "a/../../b", "/etc"])
def test_a_part_outside_the_volume_is_refused(part: str) -> None:
    with pytest.raises(NotStartable, match="subPath"):
        plan({"name": "data", "mountPath": "/a", "subPath": part})


def test_a_mount_of_no_volume_is_named() -> None:
    with pytest.raises(NotStartable, match="volume mount /a names no volume"):
        plan({"name": "none", "mountPath": "/a"})
