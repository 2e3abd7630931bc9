"""Which EKS cluster, and what its node groups are made with."""

from collections.abc import Mapping
from dataclasses import dataclass

from kaito.cloud.settings import require


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSettings:
    """Everything but the credentials, which the SDK finds by itself (a pod identity, a role)."""

    cluster: str
    node_role: str
    """ARN of the role that nodes take on."""
    subnets: tuple[str, ...] = ()
    """Where machines may be; none given: the cluster's own."""
    region: str = ""
    """Empty: what the SDK finds."""
    endpoint: str = ""
    """Another address of the service, for tests; empty: the region's own."""


def read_settings(environment: Mapping[str, str]) -> AwsSettings:
    """The settings that the environment holds.

    Raises:
        UsageError: some are missing.
    """
    cluster, role = require("aws", environment, "CLUSTER_NAME", "EKS_NODE_ROLE_ARN")
    subnets = environment.get("EKS_SUBNET_IDS", "")
    return AwsSettings(
        cluster=cluster,
        node_role=role,
        subnets=tuple(part.strip() for part in subnets.split(",") if part.strip()),
        region=environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION", ""),
        endpoint=environment.get("AWS_ENDPOINT_URL_EKS", ""),
    )
