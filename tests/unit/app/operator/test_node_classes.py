"""KAITO's JSON list of node classes, read and refused."""

import json

import pytest

from kaito.app.operator.admission import operator_surroundings
from kaito.app.operator.node_classes import declare_classes, parse_node_classes
from kaito.app.operator.options import OperatorOptions
from kaito.app.operator.provisioners import choose_supply
from kaito.base.clock import SystemClock
from kaito.base.errors import UsageError
from kaito.kube.client import Client
from kaito.kube.config import Cluster
from kaito.kube.informer import Informers
from kaito.provision.port import NodeClass

UBUNTU = {"name": "ubuntu", "default": True, "spec": {"imageFamily": "Ubuntu2204"}}
AZURE_LINUX = {"name": "azurelinux", "spec": {"imageFamily": "AzureLinux"}}
AKS = NodeClass(group="karpenter.azure.com", kind="AKSNodeClass")
EC2 = NodeClass(group="karpenter.k8s.aws", kind="EC2NodeClass")


def test_entries_are_read_with_their_specs_and_sorted() -> None:
    found = parse_node_classes(json.dumps([UBUNTU, AZURE_LINUX]))
    assert [(e.name, e.is_default) for e in found] == [("azurelinux", False), ("ubuntu", True)]
    assert found[1].spec == {"imageFamily": "Ubuntu2204"}


def test_nothing_is_declared_by_an_empty_text() -> None:
    assert parse_node_classes("") == ()
    assert declare_classes((), AKS, version="", resource_name="") is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[", "--karpenter-node-classes: "),
        ('{"name": "a"}', "--karpenter-node-classes: Expected `array`"),
        ('[{"nam": "a"}]', "--karpenter-node-classes: Object contains unknown field `nam`"),
        ("[]", "0 entries are the default"),
        (json.dumps([AZURE_LINUX]), "0 entries are the default"),
        (json.dumps([UBUNTU, {**AZURE_LINUX, "default": True}]), "2 entries are the default"),
        (json.dumps([UBUNTU, UBUNTU]), "ubuntu is declared twice"),
        ('[{"name": "No Name", "default": true}]', "'No Name' is not a name"),
        ('[{"name": "", "default": true}]', "'' is not a name"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(given: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_node_classes(given)
    assert said in str(refused.value)
    assert refused.value.hint
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("node_class", "version", "resource", "path"),
    [
        (AKS, "", "", "/apis/karpenter.azure.com/v1beta1/aksnodeclasses"),
        (EC2, "", "", "/apis/karpenter.k8s.aws/v1/ec2nodeclasses"),
        (
            AKS,
            "v1",
            "aksnodeclasses.karpenter.azure.com",
            "/apis/karpenter.azure.com/v1/aksnodeclasses",
        ),
        (EC2, "v2", "classes", "/apis/karpenter.k8s.aws/v2/classes"),
    ],
)
def test_they_are_served_where_their_provider_serves_them(
    node_class: NodeClass, version: str, resource: str, path: str
) -> None:
    entries = parse_node_classes(json.dumps([UBUNTU]))
    declared = declare_classes(entries, node_class, version=version, resource_name=resource)
    assert declared is not None
    assert declared.resource.path() == path


def test_they_are_refused_where_no_pool_would_refer_to_them() -> None:
    entries = parse_node_classes(json.dumps([UBUNTU]))
    for provisioner in ("byo", "azure-gpu-provisioner"):
        with pytest.raises(UsageError, match="has no meaning"):
            choose_supply(OperatorOptions(provisioner=provisioner, node_classes=entries))


def test_a_workspace_may_ask_for_those_only() -> None:
    entries = parse_node_classes(json.dumps([UBUNTU, AZURE_LINUX]))
    reader = Informers(Client(Cluster(url="http://nowhere")), clock=SystemClock())
    options = OperatorOptions(provisioner="karpenter", node_classes=entries)
    assert operator_surroundings(options, reader).node_classes == frozenset(
        ("azurelinux", "ubuntu")
    )
    assert operator_surroundings(OperatorOptions(), reader).node_classes is None
