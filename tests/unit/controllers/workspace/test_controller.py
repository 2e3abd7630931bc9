"""Whose turn it is when something changes."""

from typing import Any

import msgspec
from tests.unit.controllers.workspace.world import (
    IN_CLUSTER,
    KEY,
    ON_EXISTING,
    ON_POOLS,
    workspace,
)

from kaito.api import labels
from kaito.api.core import NODES, STORAGE_CLASSES, Node
from kaito.api.meta import Key, Object
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.nodepool import NODEPOOLS
from kaito.api.resources import Resource
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.controllers.workspace.controller import WorkspaceController
from kaito.controllers.workspace.settings import WorkspaceSettings
from kaito.kube.cache import FixedReader
from kaito.kube.controller.runner import Watch


def _watch(resource: Resource[Any], settings: WorkspaceSettings = IN_CLUSTER) -> Watch[Any]:
    watches = WorkspaceController(settings).watches
    return next(watch for watch in watches if watch.resource == resource)


def _watched(settings: WorkspaceSettings) -> set[str]:
    return {str(watch.resource) for watch in WorkspaceController(settings).watches}


def test_only_kinds_that_the_source_of_nodes_makes_are_watched() -> None:
    assert str(NODECLAIMS) not in _watched(ON_EXISTING)
    assert str(NODEPOOLS) not in _watched(IN_CLUSTER)
    assert {str(NODEPOOLS), str(NODECLAIMS)} <= _watched(ON_POOLS)


def test_a_claim_concerns_the_workspace_it_was_made_for_directly_or_by_a_pool() -> None:
    direct = {labels.WORKSPACE: "w", labels.WORKSPACE_NAMESPACE: "default"}
    pooled = {
        labels.KARPENTER_WORKSPACE: "w",
        labels.KARPENTER_WORKSPACE_NAMESPACE: "default",
    }
    for held in (direct, pooled):
        item = msgspec.convert({"metadata": {"name": "c", "labels": held}}, Object)
        assert _watch(NODECLAIMS).keys(item) == (KEY,)
    nobody = msgspec.convert({"metadata": {"name": "c"}}, Object)
    assert _watch(NODECLAIMS).keys(nobody) == ()


def test_a_node_concerns_every_workspace_whose_selector_it_matches() -> None:
    other = {**workspace(), "metadata": {"name": "x", "namespace": "default"}}
    other["resource"] = {"labelSelector": {"matchLabels": {"apps": "x"}}}
    found: list[Object] = [msgspec.convert(m, Workspace) for m in (workspace(), other)]
    reader = FixedReader([(WORKSPACES, found)])
    node = msgspec.convert({"metadata": {"name": "n", "labels": {"apps": "w"}}}, Node)
    lookup = _watch(NODES).lookup
    assert lookup is not None
    assert lookup(reader, node) == (Key("default", "w"),)


def test_only_a_workspace_of_which_nothing_was_made_yet_goes_before_all_others() -> None:
    is_urgent = _watch(WORKSPACES).is_urgent
    new = workspace(metadata={"finalizers": []})
    assert is_urgent(msgspec.convert(new, Workspace))
    assert not is_urgent(msgspec.convert(workspace(), Workspace))
    new["metadata"]["deletionTimestamp"] = "2026-05-01T12:00:00Z"
    assert not is_urgent(msgspec.convert(new, Workspace))


def test_a_storage_class_wakes_nobody() -> None:
    item = msgspec.convert({"metadata": {"name": "fast"}}, Object)
    assert _watch(STORAGE_CLASSES).keys(item) == ()
