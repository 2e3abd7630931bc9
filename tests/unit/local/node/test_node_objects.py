"""What is said about nodes."""

from datetime import UTC, datetime, timedelta

import msgspec

from kaito.api.meta import Manifest
from kaito.base.quantity import GIB
from kaito.local.node.node_objects import Node, is_on, plan_node_status, render_machine_node
from kaito.planner.machine import Machine

MACHINE = Machine(name="box", cpus=2, memory_bytes=8 * GIB)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def own_node(status: Manifest | None = None) -> Node:
    return msgspec.convert({**render_machine_node(MACHINE), "status": status or {}}, Node)


def test_the_machines_node_is_on_the_machine() -> None:
    assert is_on(MACHINE, own_node())
    assert not is_on(Machine(name="other", cpus=1, memory_bytes=1), own_node())


def test_a_new_node_is_told_everything() -> None:
    status = plan_node_status(MACHINE, own_node(), 0, NOW)
    assert set(status) == {"addresses", "allocatable", "capacity", "conditions", "nodeInfo"}


def test_a_node_that_is_told_everything_is_told_nothing_more_later() -> None:
    status = plan_node_status(MACHINE, own_node(), 0, NOW)
    assert plan_node_status(MACHINE, own_node(status), 0, NOW + timedelta(hours=1)) == {}


def test_a_virtual_node_keeps_the_capacity_it_was_made_with() -> None:
    virtual = msgspec.convert({"metadata": {"name": "claim"}}, Node)
    assert "capacity" not in plan_node_status(MACHINE, virtual, 0, NOW)


def test_a_condition_that_changes_gets_a_new_time() -> None:
    status = plan_node_status(MACHINE, own_node(), 0, NOW)
    conditions = [
        {**c, "status": "False"} if c["type"] == "Ready" else c for c in status["conditions"]
    ]
    later = NOW + timedelta(hours=1)
    found = plan_node_status(MACHINE, own_node({**status, "conditions": conditions}), 0, later)
    times = {c["type"]: c["lastTransitionTime"] for c in found["conditions"]}
    assert times["Ready"] == "2026-01-01T01:00:00Z"
    assert times["DiskPressure"] == "2026-01-01T00:00:00Z"
