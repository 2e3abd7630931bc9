"""From a NodeClaim to the machine that is asked for."""

import pytest

from kaito.api.core import ResourceRequirements
from kaito.api.meta import ObjectMeta
from kaito.api.nodeclaim import NodeClaim, NodeClaimSpec, NodeRequirement
from kaito.cloud.failure import CloudFailure, FailureKind
from kaito.controllers.nodeclaims.requests import expected_gpus, node_labels, to_request
from kaito.controllers.nodeclaims.settings import NodeClaimSettings

SETTINGS = NodeClaimSettings(class_group="kaito.sh", class_kind="KaitoNodeClass")
TYPE = "node.kubernetes.io/instance-type"


def claim(*requirements: tuple[str, str, tuple[str, ...]], **requests: str) -> NodeClaim:
    return NodeClaim(
        metadata=ObjectMeta(name="ws1", uid="u", labels={"kaito.sh/workspace": "phi"}),
        spec=NodeClaimSpec(
            requirements=tuple(
                NodeRequirement(key=key, operator=operator, values=values)
                for key, operator, values in requirements
            ),
            resources=ResourceRequirements(requests=dict(requests)),
        ),
    )


@pytest.mark.parametrize(
    ("storage", "gib"), [("107Gi", 107), ("109568Mi", 107), ("107.5Gi", 108), ("0", 0)]
)
def test_the_disk_is_what_was_asked_for_rounded_up(storage: str, gib: int) -> None:
    asked = claim((TYPE, "In", ("g5.xlarge",)), storage=storage)
    assert to_request(asked, SETTINGS).disk_gib == gib


def test_requirements_without_a_choice_become_labels_but_for_the_kubelets_own() -> None:
    asked = claim(
        (TYPE, "In", ("g5.xlarge",)),
        ("kubernetes.io/os", "In", ("linux",)),
        ("topology.kubernetes.io/zone", "In", ("a",)),
        ("karpenter.sh/nodepool", "In", ("kaito",)),
        ("example.com/either", "In", ("a", "b")),
        ("example.com/not", "NotIn", ("c",)),
    )
    assert node_labels(asked) == {"karpenter.sh/nodepool": "kaito", "kaito.sh/workspace": "phi"}


@pytest.mark.parametrize(
    "requirements",
    [(), ((TYPE, "In", ("a", "b")),), ((TYPE, "NotIn", ("a",)),)],
    ids=["none", "two", "not"],
)
def test_a_claim_that_leaves_the_type_open_is_refused(
    requirements: tuple[tuple[str, str, tuple[str, ...]], ...],
) -> None:
    with pytest.raises(CloudFailure) as refused:
        to_request(claim(*requirements), SETTINGS)
    assert refused.value.kind is FailureKind.INVALID


@pytest.mark.parametrize(
    ("instance_type", "requests", "gpus"),
    [
        ("Standard_NC24ads_A100_v4", {}, 1),
        ("m6i.xlarge", {}, 0),
        ("brand-new-type", {"nvidia.com/gpu": "4"}, 4),
    ],
)
def test_gpus_are_counted_by_the_claims_word_then_by_the_type(
    instance_type: str, requests: dict[str, str], gpus: int
) -> None:
    asked = claim((TYPE, "In", (instance_type,)), **requests)
    assert expected_gpus(asked, SETTINGS) == gpus
