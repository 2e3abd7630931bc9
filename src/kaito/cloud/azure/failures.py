"""Azure's error codes, sorted by kind.

Codes: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
and https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/error-codes/. One code may be
wrapped in another (ReconcileVMSSAgentPoolFailed around AllocationFailed), so inner codes and, last,
the codes named in the words count as well.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kaito.cloud.failure import CloudFailure, FailureKind

_BY_CODE = {
    "AllocationFailed": FailureKind.CAPACITY,
    "ZonalAllocationFailed": FailureKind.CAPACITY,
    "OverconstrainedAllocationRequest": FailureKind.CAPACITY,
    "OverconstrainedZonalAllocationRequest": FailureKind.CAPACITY,
    "SkuNotAvailable": FailureKind.CAPACITY,
    "SKUNotAvailable": FailureKind.CAPACITY,
    "InsufficientSubnetSize": FailureKind.CAPACITY,
    "SubnetIsFull": FailureKind.CAPACITY,
    "QuotaExceeded": FailureKind.QUOTA,
    "ErrCode_InsufficientVCPUQuota": FailureKind.QUOTA,
    "InsufficientVCPUQuota": FailureKind.QUOTA,
    "MaxAgentPoolCountReached": FailureKind.QUOTA,
    "PublicIPCountLimitReached": FailureKind.QUOTA,
    "AuthorizationFailed": FailureKind.UNAUTHORIZED,
    "LinkedAuthorizationFailed": FailureKind.UNAUTHORIZED,
    "RequestDisallowedByPolicy": FailureKind.UNAUTHORIZED,
    "InvalidAuthenticationToken": FailureKind.UNAUTHORIZED,
    "InvalidAuthenticationTokenTenant": FailureKind.UNAUTHORIZED,
    "ExpiredAuthenticationToken": FailureKind.UNAUTHORIZED,
    "AuthenticationFailed": FailureKind.UNAUTHORIZED,
    "ResourceNotFound": FailureKind.NOT_FOUND,
    "ResourceGroupNotFound": FailureKind.NOT_FOUND,
    "ParentResourceNotFound": FailureKind.NOT_FOUND,
    "SubscriptionNotFound": FailureKind.NOT_FOUND,
    "NotFound": FailureKind.NOT_FOUND,
    "BadRequest": FailureKind.INVALID,
    "InvalidParameter": FailureKind.INVALID,
    "InvalidTemplate": FailureKind.INVALID,
    "VMSizeNotSupported": FailureKind.INVALID,
    "UnmarshalError": FailureKind.INVALID,
    "TooManyRequests": FailureKind.THROTTLED,
    "SubscriptionRequestsThrottled": FailureKind.THROTTLED,
    # Another operation on the cluster or the pool has to end first.
    "AnotherOperationInProgress": FailureKind.THROTTLED,
    "ConcurrentModification": FailureKind.THROTTLED,
    "EtagMismatch": FailureKind.THROTTLED,
    "OriginalEtagNotExpect": FailureKind.THROTTLED,
    "Conflict": FailureKind.THROTTLED,
    "InternalServerError": FailureKind.UNAVAILABLE,
    "InternalOperationError": FailureKind.UNAVAILABLE,
    "ServiceUnavailable": FailureKind.UNAVAILABLE,
    "ServerTimeout": FailureKind.UNAVAILABLE,
}
_BY_STATUS = {
    401: FailureKind.UNAUTHORIZED,
    403: FailureKind.UNAUTHORIZED,
    404: FailureKind.NOT_FOUND,
    409: FailureKind.THROTTLED,
    429: FailureKind.THROTTLED,
}
_WORD = re.compile(r"[A-Za-z_]+")


def classify_code(
    code: str,
    words: str,
    *,
    status: int = 0,
    details: Mapping[str, Any] | None = None,
    retry_after: float = 0.0,
) -> CloudFailure:
    """The failure that an error of the API stands for. `details` is the whole error as JSON."""
    found = (*_codes(details or {}), code, *_WORD.findall(words))
    # Resource Manager's one code for quota and for "another operation is in progress".
    if "OperationNotAllowed" in found:
        kind = FailureKind.QUOTA if "quota" in words.lower() else FailureKind.THROTTLED
        return CloudFailure(kind, words, retry_after=retry_after)
    kind = next((_BY_CODE[name] for name in found if name in _BY_CODE), None) or _by_status(status)
    return CloudFailure(kind, words or code, retry_after=retry_after)


def _by_status(status: int) -> FailureKind:
    if found := _BY_STATUS.get(status):
        return found
    return FailureKind.INVALID if 400 <= status < 500 else FailureKind.UNAVAILABLE


def _codes(error: Mapping[str, Any]) -> Iterator[str]:
    """Codes from the innermost error outwards."""
    for inner in error.get("details") or ():
        yield from _codes(inner)
    if isinstance(error.get("code"), str):
        yield error["code"]
