"""Declared node classes: made where they are missing, written where they differ, never taken."""

from datetime import UTC, datetime

import msgspec

from kaito.api import labels
from kaito.api.meta import Key, Manifest, Object
from kaito.api.resources import Resource
from kaito.controllers.nodeclasses.controller import NodeClassController
from kaito.kube.cache import FixedReader
from kaito.kube.controller.decision import Apply, Decision
from kaito.provision.node_classes import DeclaredClass, DeclaredClasses

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLASSES = Resource(
    group="karpenter.azure.com",
    version="v1beta1",
    plural="aksnodeclasses",
    kind="AKSNodeClass",
    type=Object,
    namespaced=False,
)


def keeper(**spec: object) -> NodeClassController:
    entry = DeclaredClass(name="ubuntu", is_default=True, spec=spec)
    return NodeClassController(DeclaredClasses(resource=CLASSES, entries=(entry,)))


async def decided(controller: NodeClassController, name: str, *items: Object) -> Decision | None:
    reader = FixedReader([(CLASSES, list(items))])
    observed = await controller.observe(reader, Key("", name))
    return controller.decide(observed, NOW) if observed else None


def written(decision: Decision | None, *, is_new: bool = False) -> Manifest:
    assert decision is not None
    (action,) = decision.actions
    assert isinstance(action, Apply)
    assert action.is_new == is_new, "only what is not there must not be there by then"
    return action.manifest


async def test_a_class_that_is_missing_is_written_as_declared() -> None:
    manifest = written(await decided(keeper(imageFamily="Ubuntu2204"), "ubuntu"), is_new=True)
    assert manifest["apiVersion"] == "karpenter.azure.com/v1beta1"
    assert manifest["spec"] == {"imageFamily": "Ubuntu2204"}
    assert manifest["metadata"]["labels"] == {labels.KARPENTER_MANAGED_BY: "kaito"}


async def test_one_that_is_as_declared_is_left_alone_and_one_that_differs_is_not() -> None:
    made = written(await decided(keeper(osDiskSizeGB=300), "ubuntu"), is_new=True)
    live = msgspec.convert(made, Object)
    same = await decided(keeper(osDiskSizeGB=300), "ubuntu", live)
    assert same is not None
    assert same.actions == ()
    other = await decided(keeper(osDiskSizeGB=600), "ubuntu", live)
    assert written(other)["spec"] == {"osDiskSizeGB": 600}


async def test_one_that_kaito_made_is_kept_as_declared() -> None:
    meta = {"name": "ubuntu", "labels": {labels.KARPENTER_MANAGED_BY: "kaito"}}
    live = msgspec.convert({"metadata": meta}, Object)
    assert written(await decided(keeper(), "ubuntu", live))["metadata"]["name"] == "ubuntu"


async def test_one_of_somebody_else_is_used_and_never_changed() -> None:
    live = msgspec.convert({"metadata": {"name": "ubuntu"}}, Object)
    found = await decided(keeper(), "ubuntu", live)
    assert found is not None
    assert found.actions == ()
    assert found.why == ("AKSNodeClass ubuntu is somebody else's and is used as it is",)


async def test_classes_that_nobody_declared_are_nobody_s_business() -> None:
    assert await decided(keeper(), "other") is None
    assert keeper().keys == (Key("", "ubuntu"),)
