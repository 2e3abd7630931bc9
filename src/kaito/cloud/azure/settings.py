"""Which AKS cluster. Names of variables are those of gpu-provisioner's chart."""

from collections.abc import Mapping
from dataclasses import dataclass

from kaito.cloud.settings import require


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureSettings:
    """Everything but the credentials, which the SDK finds by itself (workload identity)."""

    subscription: str
    resource_group: str
    cluster: str


def read_settings(environment: Mapping[str, str]) -> AzureSettings:
    """The settings that the environment holds.

    Raises:
        UsageError: some are missing.
    """
    found = {
        **environment,
        "AZURE_CLUSTER_NAME": environment.get("AZURE_CLUSTER_NAME")
        or environment.get("CLUSTER_NAME", ""),
        "ARM_SUBSCRIPTION_ID": environment.get("ARM_SUBSCRIPTION_ID")
        or environment.get("AZURE_SUBSCRIPTION_ID", ""),
    }
    names = ("ARM_SUBSCRIPTION_ID", "ARM_RESOURCE_GROUP", "AZURE_CLUSTER_NAME")
    subscription, resource_group, cluster = require("azure", found, *names)
    return AzureSettings(subscription=subscription, resource_group=resource_group, cluster=cluster)
