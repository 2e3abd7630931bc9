"""Where nodes come from, by flag and cloud."""

import pytest

from kaito.api.nodeclaim import NODECLAIMS
from kaito.api.nodepool import NODEPOOLS
from kaito.api.workspace import Workspace
from kaito.app.operator.options import OperatorOptions
from kaito.app.operator.provisioners import choose_supply
from kaito.base.errors import UsageError
from kaito.provision.port import Supply, Wanted


def wanted() -> Wanted:
    return Wanted(
        owner=Workspace(),
        count=1,
        instance_type="Standard_NC24ads_A100_v4",
        labels=(),
        memory_bytes=0,
        storage_bytes=2**30,
    )


@pytest.mark.parametrize(("cloud", "kind"), [("azure", "KaitoNodeClass"), ("aws", "EC2NodeClass")])
def test_claims_are_made_for_the_cloud_s_own_class(cloud: str, kind: str) -> None:
    supply = choose_supply(OperatorOptions(cloud=cloud))
    (claim,) = supply.source.render(wanted(), Supply())
    assert claim.manifest["spec"]["nodeClassRef"]["kind"] == kind
    assert supply.makes == (NODECLAIMS,)


def test_a_default_image_family_reaches_the_claims_of_who_asks_for_none() -> None:
    supply = choose_supply(OperatorOptions(image_family="azurelinux"))
    (claim,) = supply.source.render(wanted(), Supply())
    assert claim.manifest["metadata"]["annotations"]["kaito.sh/node-image-family"] == "azurelinux"


@pytest.mark.parametrize(
    ("provisioner", "cloud"),
    [("byo", "azure"), ("karpenter", "azure"), ("azure-gpu-provisioner", "aws")],
)
def test_a_default_image_family_that_nobody_reads_is_refused(provisioner: str, cloud: str) -> None:
    options = OperatorOptions(provisioner=provisioner, cloud=cloud, image_family="ubuntu")
    with pytest.raises(UsageError, match="--default-node-image-family is read by nobody"):
        choose_supply(options)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (OperatorOptions(node_class_group="x"), "group"),
        (OperatorOptions(node_class_kind="X"), "kind"),
    ],
)
def test_a_class_of_karpenters_is_refused_where_karpenter_is_not_asked(
    options: OperatorOptions, part: str
) -> None:
    with pytest.raises(UsageError, match=f"--karpenter-node-class-{part} has no meaning"):
        choose_supply(options)


def test_karpenter_needs_pools_watched_and_takes_another_class_by_flag() -> None:
    options = OperatorOptions(
        provisioner="karpenter", cloud="gcp", node_class_group="g.example", node_class_kind="K"
    )
    supply = choose_supply(options)
    (pool,) = supply.source.render(wanted(), Supply())
    assert set(supply.makes) == {NODECLAIMS, NODEPOOLS}
    reference = pool.manifest["spec"]["template"]["spec"]["nodeClassRef"]
    assert (reference["group"], reference["kind"]) == ("g.example", "K")


def test_existing_nodes_need_nothing_watched_and_nothing_made() -> None:
    supply = choose_supply(OperatorOptions(provisioner="byo", cloud="arc"))
    assert supply.makes == ()
    assert supply.source.render(wanted(), Supply()) == ()


@pytest.mark.parametrize("provisioner", ["azure-gpu-provisioner", "karpenter"])
def test_a_cloud_without_that_way_is_refused(provisioner: str) -> None:
    with pytest.raises(UsageError, match="CLOUD_PROVIDER=arc"):
        choose_supply(OperatorOptions(provisioner=provisioner, cloud="arc"))
