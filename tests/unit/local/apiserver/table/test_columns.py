"""Rows of the built-in kinds."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kaito.local.apiserver.kinds import BUILTIN
from kaito.local.apiserver.table.columns import COLUMNS, builtin_columns

NOW = datetime(2026, 1, 1, 1, tzinfo=UTC)
META = {"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z"}


def row(resource: str, **manifest: Any) -> list[Any]:
    whole = {"metadata": META, **manifest}
    return [c.cell(whole, NOW) for c in builtin_columns(resource) if not c.priority]


def wide(resource: str, **manifest: Any) -> list[Any]:
    whole = {"metadata": META, **manifest}
    return [c.cell(whole, NOW) for c in builtin_columns(resource) if c.priority]


def test_every_column_belongs_to_a_served_resource_and_survives_an_empty_object() -> None:
    assert set(COLUMNS) <= {served.resource for served in BUILTIN}
    for resource in COLUMNS:
        assert row(resource)
        wide(resource)


@pytest.mark.parametrize(
    ("resource", "manifest", "cells"),
    [
        (
            "services",
            {"spec": {"type": "ClusterIP", "clusterIP": "127.32.0.1",
                      "ports": [{"port": 80, "protocol": "TCP"}, {"port": 29500}]}},
            ["x", "ClusterIP", "127.32.0.1", "<none>", "80/TCP,29500/TCP", "60m"],
        ),
        (
            "services",
            {"spec": {"type": "LoadBalancer", "clusterIP": "127.32.0.1",
                      "ports": [{"port": 80, "nodePort": 30000, "protocol": "TCP"}]}},
            ["x", "LoadBalancer", "127.32.0.1", "<pending>", "80:30000/TCP", "60m"],
        ),
        (
            "deployments.apps",
            {"spec": {"replicas": 3}, "status": {"readyReplicas": 1, "updatedReplicas": 2}},
            ["x", "1/3", 2, 0, "60m"],
        ),
        ("statefulsets.apps", {"status": {"readyReplicas": 1}}, ["x", "1/1", "60m"]),
        ("replicasets.apps", {"spec": {"replicas": 2}}, ["x", 2, 0, 0, "60m"]),
        (
            "jobs.batch",
            {"spec": {"completions": 1},
             "status": {"succeeded": 1, "startTime": "2026-01-01T00:00:00Z",
                        "completionTime": "2026-01-01T00:01:30Z",
                        "conditions": [{"type": "Complete", "status": "True"}]}},
            ["x", "Complete", "1/1", "90s", "60m"],
        ),
        ("namespaces", {"status": {"phase": "Active"}}, ["x", "Active", "60m"]),
        ("configmaps", {"data": {"a": "1"}, "binaryData": {"b": ""}}, ["x", 2, "60m"]),
        ("secrets", {"type": "Opaque", "data": {"a": ""}}, ["x", "Opaque", 1, "60m"]),
        (
            "nodes",
            {"spec": {"unschedulable": True},
             "status": {"conditions": [{"type": "Ready", "status": "True"}],
                        "nodeInfo": {"kubeletVersion": "v1"}}},
            ["x", "Ready,SchedulingDisabled", "<none>", "60m", "v1"],
        ),
        (
            "events",
            {"lastTimestamp": "2026-01-01T00:59:50Z", "type": "Warning", "reason": "Failed",
             "involvedObject": {"kind": "Pod", "name": "p"}, "message": "no \n"},
            ["10s", "Warning", "Failed", "pod/p", "no"],
        ),
        (
            "endpointslices.discovery.k8s.io",
            {"addressType": "IPv4", "ports": [{"port": 5000}],
             "endpoints": [{"addresses": [f"127.64.0.{n}"]} for n in range(5)]},
            ["x", "IPv4", "5000", "127.64.0.0,127.64.0.1,127.64.0.2 + 2 more...", "60m"],
        ),
    ],
)  # fmt: skip
def test_rows_look_as_in_a_cluster(
    resource: str, manifest: dict[str, Any], cells: list[Any]
) -> None:
    assert row(resource, **manifest) == cells


def test_wide_rows_of_a_workload_name_its_containers() -> None:
    spec = {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"spec": {"containers": [{"name": "c", "image": "i"}]}},
    }
    assert wide("deployments.apps", spec=spec) == ["c", "i", "a=b"]
