"""What the doctor says of nodes and of those who make them."""

from typing import Any

import pytest
from tests.unit.app.doctor.cases import A100, WELL, cluster, deployment, node, pools, states

from kaito.api.meta import Object, ObjectMeta
from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.nodepool import NODEPOOLS
from kaito.app.doctor.finding import Unseen
from kaito.app.doctor.node_checks import check_nodes, check_storage, check_supply, cloud_of
from kaito.app.operator.options import OperatorOptions

KARPENTER = OperatorOptions(provisioner="karpenter")
KARPENTERS = (deployment("karpenter/controller:1"),)


def defined(**changes: Any) -> dict[str, Any]:
    names = {"claims": str(NODECLAIMS), "pools": str(NODEPOOLS)}
    return {**WELL.definitions, **{names[key]: value for key, value in changes.items()}}


@pytest.mark.parametrize(
    ("change", "options", "expected"),
    [
        ({}, OperatorOptions(), {"supply": "ok"}),
        ({}, None, {"supply": "ok"}),
        ({"definitions": {}}, OperatorOptions(provisioner="byo"), {"supply": "ok"}),
        ({"definitions": {}}, OperatorOptions(), {"supply": "missing"}),
        ({"definitions": {}}, None, {"supply": "warning"}),
        ({"definitions": defined(claims=Unseen("denied"))}, None, {"supply": "unknown"}),
        ({"deployments": ()}, OperatorOptions(), {"supply": "warning"}),
        ({"deployments": (deployment("x/karpenter:1", ready=0),)}, None, {"supply": "missing"}),
        ({"deployments": KARPENTERS}, KARPENTER, {"supply": "ok", "node pools": "ok"}),
        ({"definitions": defined(pools=None)}, KARPENTER, {"node pools": "missing"}),
        (
            {"definitions": defined(pools=pools(replicas=False))},
            KARPENTER,
            {"node pools": "missing"},
        ),
    ],
)
def test_where_nodes_come_from(
    change: dict[str, Any], options: OperatorOptions | None, expected: dict[str, str]
) -> None:
    found = states(check_supply(cluster(**change), options))
    assert {check: found.get(check) for check in expected} == expected


@pytest.mark.parametrize(
    ("crd", "classes", "state"),
    [
        (pools(replicas=True), ("default",), "ok"),
        (pools(replicas=True), ("other",), "warning"),
        (pools(replicas=True), (), "missing"),
        (None, (), "missing"),
        (Unseen("denied"), (), "unknown"),
        (pools(replicas=True), Unseen("denied"), "unknown"),
    ],
)
def test_what_pools_refer_to_must_be_there(crd: Any, classes: Any, state: str) -> None:
    name = "ec2nodeclasses.karpenter.k8s.aws"
    facts = cluster(definitions={**WELL.definitions, name: crd}, node_classes={name: classes})
    options = OperatorOptions(provisioner="karpenter", cloud="aws")
    assert states(check_supply(facts, options))["node class"] == state


def test_nodes_that_are_alike_are_one_line() -> None:
    nodes = (node("a", labels=A100), node("b", labels=A100), node("c", gpus=0))
    found = list(check_nodes(cluster(nodes=nodes)))
    assert [finding.what for finding in found] == [
        "3 of 3 ready, 2 with GPUs",
        "2 x 1 NVIDIA-A100-SXM4-80GB, 81920 MiB each",
    ]


@pytest.mark.parametrize(
    ("nodes", "check"),
    [
        ((node(labels=A100, gpus=0),), "device plugin"),
        ((node(labels={"nvidia.com/gpu.present": "true"}, gpus=0),), "device plugin"),
        ((node(),), "discovery"),
    ],
)
def test_half_described_nodes_are_a_warning(nodes: Any, check: str) -> None:
    assert states(check_nodes(cluster(nodes=nodes)))[check] == "warning"


def test_the_nodes_say_which_cloud_it_is_before_the_operator_does() -> None:
    nodes = (node("a", provider="aws:///eu-1/i-1"), node("b", provider="kind://x"))
    assert cloud_of(cluster(nodes=nodes), OperatorOptions(cloud="azure")) == "aws"
    assert cloud_of(cluster(), OperatorOptions(cloud="azure")) == "azure"
    assert cloud_of(cluster(), OperatorOptions(provisioner="byo")) == ""
    assert cloud_of(cluster(nodes=Unseen("denied")), None) == ""


def test_storage_classes_are_told_and_never_block() -> None:
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    classes = tuple(
        Object(metadata=ObjectMeta(name=name, annotations=notes))
        for name, notes in (("fast", default), ("kaito-local-nvme-disk", {}))
    )
    assert (
        "default class fast; weights lie on" in check_storage(cluster(storage_classes=classes)).what
    )
    bare = check_storage(cluster())
    assert (bare.state, "no default class" in bare.what) == ("ok", True)
