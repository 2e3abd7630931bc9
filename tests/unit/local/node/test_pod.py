"""Reading pods."""

from typing import Any

import msgspec
import pytest

from kaito.local.node.errors import NodeError
from kaito.local.node.pod import WatchedPod, parse_pod


def watched(spec: dict[str, Any], **meta: Any) -> WatchedPod:
    manifest = {"metadata": {"name": "web", "namespace": "shop", **meta}, "spec": spec}
    return msgspec.convert(manifest, WatchedPod)


def container(**fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": "main", "image": "a", **fields}]}


def test_a_spec_that_cannot_be_read_is_named_with_its_field() -> None:
    pod = watched(container(readinessProbe={"periodSeconds": "often"}))
    with pytest.raises(NodeError, match=r"pod shop/web cannot be run: .*periodSeconds"):
        parse_pod(pod)


def test_the_grace_is_the_deletions_else_the_pods_else_thirty_seconds() -> None:
    own = {**container(), "terminationGracePeriodSeconds": 7}
    assert parse_pod(watched(own, deletionGracePeriodSeconds=0)).grace == 0
    assert parse_pod(watched(own)).grace == 7
    assert parse_pod(watched(container())).grace == 30


def test_the_digest_tells_container_specs_apart_by_any_field() -> None:
    one, same = parse_pod(watched(container())), parse_pod(watched(container()))
    other = parse_pod(watched(container(securityContext={"runAsUser": 1})))
    assert one.hashes == same.hashes
    assert one.hashes != other.hashes
