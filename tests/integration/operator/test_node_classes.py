"""An operator that makes Karpenter's node classes, over a real API server."""

import json
from typing import Any

from tests.integration.operator.cluster import Cluster, eventually, workspace

from kaito.api.core import CRDS
from kaito.api.meta import Key, Manifest, Object
from kaito.api.nodepool import NODEPOOLS
from kaito.api.resources import Resource, reading
from kaito.api.workspace import WORKSPACES
from kaito.app.operator.node_classes import declare_classes, parse_node_classes
from kaito.provision.port import NodeClass

DECLARED = json.dumps(
    [
        {"name": "ubuntu", "default": True, "spec": {"imageFamily": "Ubuntu2204"}},
        {"name": "large", "spec": {"osDiskSizeGB": 900}},
    ]
)
FLAGS = ("--node-provisioner=karpenter", f"--karpenter-node-classes={DECLARED}")


def classes() -> Resource[Any]:
    aks = NodeClass(group="karpenter.azure.com", kind="AKSNodeClass")
    declared = declare_classes(parse_node_classes(DECLARED), aks, version="", resource_name="")
    assert declared is not None
    return declared.resource


def definition(resource: Resource[Any]) -> Manifest:
    """A CRD as wide as can be."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": resource.version, "served": True, "storage": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": str(resource)},
        "spec": {
            "group": resource.group,
            "scope": "Cluster",
            "names": {"plural": resource.plural, "kind": resource.kind},
            "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
        },
    }


class WithSpec(Object):
    """A class with what its provider would read."""

    spec: Manifest = {}


async def spec_of(cluster: Cluster, name: str) -> Manifest:
    return (await cluster.client.get(reading(classes(), WithSpec), Key("", name))).spec


async def test_declared_node_classes_are_made_kept_and_referred_to(cluster: Cluster) -> None:
    await cluster.client.apply(CRDS, definition(NODEPOOLS), manager="test")
    async with cluster.operator(*FLAGS) as operator:
        await operator.says("leading")
        # Karpenter may come later than the operator: nothing else waits for it.
        await cluster.client.apply(CRDS, definition(classes()), manager="test")

        async def are_made() -> bool:
            found = await cluster.client.list(classes())
            return {item.metadata.name for item in found.items} == {"ubuntu", "large"}

        await eventually(are_made)
        assert await spec_of(cluster, "ubuntu") == {"imageFamily": "Ubuntu2204"}
        await cluster.client.delete(classes(), Key("", "large"))
        await eventually(are_made)

        await cluster.client.create(WORKSPACES, workspace("w"))

        async def is_pooled() -> bool:
            return bool((await cluster.client.list(NODEPOOLS)).items)

        await eventually(is_pooled)
        (pool,) = (await cluster.client.list(NODEPOOLS)).items
        assert pool.spec.template.spec.node_class_ref.name == "ubuntu"


async def test_an_operator_of_another_declaration_writes_that_one(cluster: Cluster) -> None:
    for resource in (NODEPOOLS, classes()):
        await cluster.client.apply(CRDS, definition(resource), manager="test")
    foreign = {"apiVersion": classes().api_version, "kind": "AKSNodeClass", "spec": {"a": 1}}
    await cluster.client.create(classes(), {**foreign, "metadata": {"name": "large"}})
    for family in ("Ubuntu2204", "Ubuntu2404"):
        async with cluster.operator(FLAGS[0], FLAGS[1].replace("Ubuntu2204", family)) as operator:
            await operator.says("leading")

            async def is_written(family: str = family) -> bool:
                found = await cluster.client.list(classes())
                names = {item.metadata.name for item in found.items}
                return "ubuntu" in names and await spec_of(cluster, "ubuntu") == {
                    "imageFamily": family
                }

            await eventually(is_written)
    assert await spec_of(cluster, "large") == {"a": 1}, "it was there before, and is not ours"
