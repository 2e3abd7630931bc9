"""Settings from the environment: everything that is missing, at once."""

import pytest

from kaito.base.errors import UsageError
from kaito.cloud.aws import settings as aws
from kaito.cloud.azure import settings as azure
from kaito.cloud.gcp import settings as gcp
from kaito.cloud.settings import missing_sdk


def test_every_missing_variable_is_named() -> None:
    with pytest.raises(UsageError, match="needs ARM_SUBSCRIPTION_ID, AZURE_CLUSTER_NAME in"):
        azure.read_settings({"ARM_RESOURCE_GROUP": "g"})


def test_azure_takes_the_names_of_gpu_provisioners_chart_and_the_usual_ones() -> None:
    chart = {
        "ARM_SUBSCRIPTION_ID": "s",
        "ARM_RESOURCE_GROUP": "g",
        "AZURE_CLUSTER_NAME": "c",
    }
    usual = {"AZURE_SUBSCRIPTION_ID": "s", "ARM_RESOURCE_GROUP": "g", "CLUSTER_NAME": "c"}
    assert azure.read_settings(chart) == azure.read_settings(usual)


def test_aws_takes_subnets_as_a_list_and_the_region_by_either_name() -> None:
    found = aws.read_settings(
        {
            "CLUSTER_NAME": "c",
            "EKS_NODE_ROLE_ARN": "arn",
            "EKS_SUBNET_IDS": "subnet-a, subnet-b,",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }
    )
    assert (found.subnets, found.region) == (("subnet-a", "subnet-b"), "eu-west-1")


@pytest.mark.parametrize(
    ("location", "zone", "zones"),
    [("us-central1-a", "", ()), ("us-central1", "us-central1-b", ("us-central1-b",))],
)
def test_a_machine_on_gcp_is_in_one_zone(location: str, zone: str, zones: tuple[str, ...]) -> None:
    environment = {"GOOGLE_CLOUD_PROJECT": "p", "LOCATION": location, "CLUSTER_NAME": "c"}
    assert gcp.read_settings({**environment, "GKE_NODE_ZONE": zone}).zones == zones


def test_a_regional_cluster_without_a_zone_is_refused_before_it_makes_three_machines() -> None:
    environment = {"GOOGLE_CLOUD_PROJECT": "p", "LOCATION": "us-central1", "CLUSTER_NAME": "c"}
    with pytest.raises(UsageError, match="GKE_NODE_ZONE"):
        gcp.read_settings(environment)


def test_a_library_that_is_not_installed_is_named_with_how_to_get_it() -> None:
    error = missing_sdk("azure", ImportError("no", name="azure.identity"))
    assert str(error) == "--cloud azure needs a library that is not installed: azure.identity"
    assert error.hint == "pip install 'kaito[azure]'"
