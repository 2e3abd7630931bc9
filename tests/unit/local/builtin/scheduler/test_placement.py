"""Where pods go, and what is said of those that go nowhere."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaito.api import labels
from kaito.api.core import Node, Pod
from kaito.api.meta import Manifest
from kaito.base.quantity import parse_bytes
from kaito.local.builtin.scheduler.placement import Observed, Placement, plan_placements


def node(
    name: str,
    *,
    machine: str = "",
    memory: str = "24Gi",
    spec: Manifest | None = None,
    **extra: str,
) -> Node:
    """`extra` are labels with `_` for `-`."""
    known = {labels.MACHINE: machine} if machine else {}
    more = {key.replace("_", "-"): value for key, value in extra.items()}
    manifest = {
        "metadata": {"name": name, "labels": {**known, **more, labels.HOSTNAME: name}},
        "spec": spec or {},
        "status": {
            "allocatable": {"cpu": "4", "memory": memory, "pods": "3"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
    return msgspec.convert(manifest, Node)


def pod(
    name: str, *, on: str = "", age: int = 0, requests: Manifest | None = None, **spec: Any
) -> Pod:
    created = datetime(2026, 1, 1, 0, 0, age, tzinfo=UTC)
    manifest = {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": name,
            "creationTimestamp": created.isoformat(),
        },
        "spec": {
            "nodeName": on,
            "containers": [{"resources": {"requests": requests or {}}}],
            **spec,
        },
    }
    return msgspec.convert(manifest, Pod)


def place(*pods: Pod, nodes: list[Node], assumed: dict[str, str] | None = None) -> list[Placement]:
    return list(plan_placements(Observed(nodes=tuple(nodes), pods=pods, assumed=assumed or {})))


def required(*expressions: Manifest, fields: Manifest | None = None) -> Manifest:
    term: Manifest = {"matchExpressions": list(expressions)}
    if fields:
        term["matchFields"] = [fields]
    selector = {"nodeSelectorTerms": [term]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": selector}}


def expression(key: str, operator: str, *values: str) -> Manifest:
    return {"key": key, "operator": operator, "values": list(values)}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "a"),
        ({"nodeSelector": {"disk": "fast"}}, "b"),
        ({"affinity": required(expression("disk", "In", "fast"))}, "b"),
        ({"affinity": required(expression("disk", "NotIn", "slow"))}, "b"),
        ({"affinity": required(expression("cores", "Exists"))}, "b"),
        ({"affinity": required(expression("cores", "DoesNotExist"))}, "a"),
        ({"affinity": required(expression("cores", "Gt", "7"))}, "b"),
        ({"affinity": required(expression("cores", "Lt", "9"))}, "b"),
        ({"affinity": required(expression("cores", "Gt", "8"))}, ""),
        ({"affinity": required(fields=expression("metadata.name", "In", "b"))}, "b"),
        ({"affinity": required()}, ""),
        ({"nodeSelector": {"disk": "none"}}, ""),
    ],
)
def test_a_pod_goes_only_where_it_wants(spec: Manifest, expected: str) -> None:
    nodes = [node("a", disk="slow"), node("b", disk="fast", cores="8")]

    (placement,) = place(pod("p", **spec), nodes=nodes)

    assert placement.node == expected


def apart(key: str = labels.HOSTNAME, **term: Any) -> Manifest:
    """Anti-affinity to pods labelled app=a, unless said otherwise."""
    selector = {"labelSelector": {"matchLabels": {"app": "a"}}, "topologyKey": key, **term}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [selector]}}


def labelled(item: Pod, namespace: str = "default", **extra: str) -> Pod:
    meta = msgspec.structs.replace(item.metadata, labels=extra, namespace=namespace)
    return msgspec.structs.replace(item, metadata=meta)


def test_pods_that_must_be_apart_go_to_nodes_of_their_own_also_within_one_pass() -> None:
    three = [labelled(pod(name, affinity=apart()), app="a") for name in ("p", "q", "r")]
    *placed, last = place(*three, nodes=[node("a"), node("b")])
    assert sorted(each.node for each in placed) == ["a", "b"]
    said = "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules."
    assert (last.node, last.refusal) == ("", said)


def test_who_is_there_first_keeps_others_out() -> None:
    alone = labelled(pod("p", on="a", affinity=apart()), app="b")
    (placement,) = place(alone, labelled(pod("q"), app="a"), nodes=[node("a")])[-1:]
    assert "node(s) didn't satisfy existing pods anti-affinity rules" in placement.refusal
    (placement,) = place(alone, labelled(pod("q"), app="c"), nodes=[node("a")])[-1:]
    assert placement.node == "a"


@pytest.mark.parametrize(
    ("affinity", "expected"),
    [
        (apart("zone"), "c"),
        (apart("none"), "a"),
        (apart(labelSelector=None), "a"),
        (apart(labelSelector={}), ""),
        (apart(namespaces=["other"]), "a"),
        (apart(namespaces=["default"]), "b"),
        (apart(namespaceSelector={}), "b"),
        (apart(namespaceSelector={"matchLabels": {"x": "y"}}), "a"),
    ],
)
def test_how_far_apart_and_from_whom_the_term_says(affinity: Manifest, expected: str) -> None:
    nodes = [node("a", zone="1"), node("b", zone="1"), node("c", zone="2")]
    busy = [labelled(pod(f"on-{name}", on=name), app="c") for name in ("b", "c", "c")]
    there = labelled(pod("there", on="a"), app="a")
    new = pod("p", age=1, affinity=affinity)
    *_, placement = place(there, *busy, new, nodes=nodes)
    assert placement.node == expected


def test_what_a_pod_prefers_outweighs_the_load() -> None:
    preference = {"weight": 1, "preference": {"matchExpressions": [expression("disk", "Exists")]}}
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [preference]}}
    nodes = [node("a"), node("b", disk="fast")]

    *_, placement = place(pod("busy", on="b"), pod("p", affinity=affinity), nodes=nodes)

    assert placement.node == "b"


def test_pods_are_spread_over_equal_nodes() -> None:
    asked = {"memory": "1Gi"}

    placements = place(
        pod("p", requests=asked), pod("q", requests=asked), nodes=[node("a"), node("b")]
    )

    assert [p.node for p in placements] == ["a", "b"]


@pytest.mark.parametrize(
    ("tolerations", "expected"),
    [
        ([], ""),
        ([{"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}], "a"),
        ([{"key": "sku", "operator": "Exists"}], "a"),
        ([{"operator": "Exists"}], "a"),
        ([{"key": "sku", "operator": "Equal", "value": "cpu"}], ""),
        ([{"key": "sku", "operator": "Exists", "effect": "NoExecute"}], ""),
    ],
)
def test_a_taint_keeps_away_who_does_not_bear_it(
    tolerations: list[Manifest], expected: str
) -> None:
    taint = {"key": "sku", "value": "gpu", "effect": "NoSchedule"}
    nodes = [node("a", spec={"taints": [taint]})]

    (placement,) = place(pod("p", tolerations=tolerations), nodes=nodes)

    assert placement.node == expected
    if not expected:
        assert placement.refusal == (
            "0/1 nodes are available: 1 node(s) had untolerated taint {sku: gpu}."
        )


def test_the_refusal_counts_each_reason() -> None:
    nodes = [
        node("cordoned", spec={"unschedulable": True}),
        node("other", disk="slow"),
        node("full", disk="fast", memory="1Gi"),
    ]
    asked = {"memory": "2Gi", "cpu": "8"}

    (placement,) = place(pod("p", requests=asked, nodeSelector={"disk": "fast"}), nodes=nodes)

    assert placement.refusal == (
        "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 node(s) didn't "
        "match Pod's node affinity/selector, 1 node(s) were unschedulable. machine full: 1.0 GiB "
        "allocatable, 0 MiB requested by 0 pods, 2.0 GiB asked."
    )


def test_a_node_that_is_not_ready_takes_nothing() -> None:
    awake = node("a")
    status = msgspec.structs.replace(awake.status, conditions=())
    sleeping = msgspec.structs.replace(awake, status=status)

    (placement,) = place(pod("p"), nodes=[sleeping])

    assert "untolerated taint {node.kubernetes.io/not-ready: }" in placement.refusal


def test_without_nodes_that_is_what_is_said() -> None:
    (placement,) = place(pod("p"), nodes=[])

    assert placement.refusal == "no nodes available to schedule pods"


def test_a_node_takes_no_more_pods_than_it_says() -> None:
    *_, placement = place(*(pod(f"p{n}", on="a") for n in range(3)), pod("q"), nodes=[node("a")])

    assert placement.refusal == "0/1 nodes are available: 1 Too many pods."


def test_devices_are_counted_per_node_and_absent_ones_are_none() -> None:
    (placement,) = place(pod("p", requests={"nvidia.com/gpu": "1"}), nodes=[node("a")])

    assert placement.refusal == "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."


def test_nodes_of_one_machine_share_its_memory() -> None:
    nodes = [node("a", machine="m"), node("b", machine="m")]
    taken = pod("p", on="a", requests={"memory": "20.1Gi"})

    (placement,) = place(taken, pod("q", requests={"memory": "12Gi"}), nodes=nodes)

    assert placement.refusal == (
        "0/2 nodes are available: 2 Insufficient memory. machine m: 24.0 GiB allocatable, "
        "20.1 GiB requested by 1 pod, 12.0 GiB asked."
    )


def test_ended_and_foreign_pods_are_not_placed() -> None:
    ended = msgspec.convert({"metadata": {"name": "e"}, "status": {"phase": "Failed"}}, Pod)

    assert place(ended, pod("p", schedulerName="mine"), nodes=[node("a")]) == []


def test_the_oldest_pod_takes_the_last_room() -> None:
    asked = {"memory": "20Gi"}
    young, old = pod("a", age=9, requests=asked), pod("b", age=1, requests=asked)

    placements = {p.pod.metadata.name: p.node for p in place(young, old, nodes=[node("n")])}

    assert placements == {"a": "", "b": "n"}


def test_room_that_the_last_pass_gave_away_is_taken() -> None:
    asked = {"memory": "20Gi"}
    old, young = pod("a", age=1, requests=asked), pod("b", age=9, requests=asked)

    placements = place(old, young, nodes=[node("n")], assumed={"b": "n"})

    assert {p.pod.metadata.name: (p.node, p.is_repeated) for p in placements} == {
        "a": ("", False),
        "b": ("n", True),
    }


@settings(deadline=None)
@given(st.lists(st.integers(1, 20), max_size=8), st.integers(1, 3))
def test_no_machine_is_ever_given_more_memory_than_it_has(sizes: list[int], count: int) -> None:
    nodes = [node(f"n{i}", machine=f"m{i % 2}") for i in range(count)]
    pods = [pod(f"p{i}", age=i, requests={"memory": f"{size}Gi"}) for i, size in enumerate(sizes)]

    placements = place(*pods, nodes=nodes)

    for machine in ("m0", "m1"):
        of_machine = {
            n.metadata.name for n in nodes if n.metadata.labels[labels.MACHINE] == machine
        }
        given_out = sum(
            parse_bytes(p.pod.spec.containers[0].resources.requests["memory"])
            for p in placements
            if p.node in of_machine
        )
        assert given_out <= parse_bytes("24Gi")
    refused = [p for p in placements if not p.node]
    assert all("Insufficient memory" in p.refusal or "Too many pods" in p.refusal for p in refused)
