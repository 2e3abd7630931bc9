"""What is written on a machine so that it is found again: for which cluster, and which claim."""

from collections.abc import Mapping

CLUSTER = "kaito-cluster"
CLAIM_UID = "kaito-claim-uid"
CREATED_AT = "kaito-created-at"
"""Seconds since 1970, for clouds that do not say when a group was made."""


def claim_uid_of(tags: Mapping[str, str] | None, cluster: str) -> str:
    """The uid of the claim that a machine was made for; empty when it is not ours."""
    found = tags or {}
    return found.get(CLAIM_UID, "") if found.get(CLUSTER) == cluster else ""
