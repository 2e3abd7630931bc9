"""How an operator's Deployment is found and read."""

import pytest
from tests.unit.app.doctor.cases import deployment

from kaito.app.doctor.operators import find_answerers, find_operators
from kaito.app.operator.provisioners import choose_supply


@pytest.mark.parametrize(
    ("image", "words", "found"),
    [
        ("ghcr.io/kaito-project-py/kaito-operator:0.1.0", (), True),
        ("registry/kaito:1", ("operator",), True),
        ("mcr.microsoft.com/aks/kaito/workspace:0.12.1", (), True),
        ("registry/kaito-serving:1", (), False),
        ("registry/some-operator:1", (), False),
        ("nginx", ("operator",), False),
    ],
)
def test_operators_are_known_by_image_and_command(
    image: str, words: tuple[str, ...], found: bool
) -> None:
    assert bool(find_operators((deployment(image, *words),))) is found


@pytest.mark.parametrize(
    ("words", "provisioner"),
    [
        ((), "azure-gpu-provisioner"),
        (("--node-provisioner=karpenter",), "karpenter"),
        (("--node-provisioner", "byo"), "byo"),
        (("--feature-gates=disableNodeAutoProvisioning=true",), "byo"),
    ],
)
def test_its_settings_are_those_of_its_flags(words: tuple[str, ...], provisioner: str) -> None:
    (found,) = find_operators((deployment("x/kaito-operator:1", *words, cloud="aws"),))
    assert found.options is not None
    assert (found.options.provisioner, found.options.cloud) == (provisioner, "aws")


def test_what_plans_and_rules_depend_on_is_read() -> None:
    words = (
        "--node-provisioner=karpenter",
        "--karpenter-node-class-group=oci.example.com",
        "--karpenter-node-class-kind=OciClass",
        '--karpenter-node-classes=[{"name": "fast", "default": true}]',
        "--tuning-allow-hosts=Data.internal,b",
    )
    (found,) = find_operators((deployment("x/kaito-operator:1", *words, cloud="gcp"),))
    options = found.options
    assert options is not None
    assert choose_supply(options).makes
    assert [each.name for each in options.node_classes] == ["fast"]
    assert options.tuning_hosts == ("data.internal", "b")


def test_flags_that_contradict_each_other_are_told() -> None:
    words = ("--node-provisioner=karpenter", "--feature-gates=disableNodeAutoProvisioning=true")
    (found,) = find_operators((deployment("x/kaito-operator:1", *words),))
    assert (found.options, "contradicts" in found.problem) == (None, True)


def test_who_makes_machines_is_known_by_image() -> None:
    images = ("public.ecr.aws/karpenter/controller:1", "x/gpu-provisioner:1", "nginx")
    found = find_answerers(tuple(deployment(image, name=image[0]) for image in images))
    assert [each.metadata.name for each in found] == ["p", "x"]
