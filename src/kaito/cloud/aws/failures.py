"""EKS's error codes and health issues, sorted by kind.

Codes: https://docs.aws.amazon.com/eks/latest/APIReference/CommonErrors.html, the errors of
CreateNodegroup, and API_Issue.html. Where a node group fails because EC2 refused, the code is
AsgInstanceLaunchFailures for all reasons and only the words tell them apart; those are EC2's:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kaito.cloud.failure import CloudFailure, FailureKind

_BY_CODE = {
    "AccessDeniedException": FailureKind.UNAUTHORIZED,
    "AccessDenied": FailureKind.UNAUTHORIZED,
    "UnrecognizedClientException": FailureKind.UNAUTHORIZED,
    "InvalidClientTokenId": FailureKind.UNAUTHORIZED,
    "InvalidSignatureException": FailureKind.UNAUTHORIZED,
    "ExpiredTokenException": FailureKind.UNAUTHORIZED,
    "OptInRequired": FailureKind.UNAUTHORIZED,
    "ResourceLimitExceededException": FailureKind.QUOTA,
    "InstanceLimitExceeded": FailureKind.QUOTA,
    "VcpuLimitExceeded": FailureKind.QUOTA,
    "MaxSpotInstanceCountExceeded": FailureKind.QUOTA,
    "InsufficientInstanceCapacity": FailureKind.CAPACITY,
    "InsufficientFreeAddresses": FailureKind.CAPACITY,
    "Ec2SubnetInsufficientFreeAddresses": FailureKind.CAPACITY,
    "ResourceNotFoundException": FailureKind.NOT_FOUND,
    "AutoScalingGroupNotFound": FailureKind.NOT_FOUND,
    "Ec2SecurityGroupNotFound": FailureKind.NOT_FOUND,
    "Ec2SubnetNotFound": FailureKind.NOT_FOUND,
    "Ec2LaunchTemplateNotFound": FailureKind.NOT_FOUND,
    "IamNodeRoleNotFound": FailureKind.NOT_FOUND,
    "IamInstanceProfileNotFound": FailureKind.NOT_FOUND,
    "ClusterUnreachable": FailureKind.NOT_FOUND,
    "InvalidParameterException": FailureKind.INVALID,
    "InvalidRequestException": FailureKind.INVALID,
    "ValidationException": FailureKind.INVALID,
    "AutoScalingGroupInvalidConfiguration": FailureKind.INVALID,
    "Ec2InstanceTypeDoesNotExist": FailureKind.INVALID,
    "AmiIdNotFound": FailureKind.INVALID,
    "ThrottlingException": FailureKind.THROTTLED,
    "TooManyRequestsException": FailureKind.THROTTLED,
    "RequestLimitExceeded": FailureKind.THROTTLED,
    # Another operation on the cluster or the group has to end first.
    "ResourceInUseException": FailureKind.THROTTLED,
    "ServerException": FailureKind.UNAVAILABLE,
    "ServiceUnavailableException": FailureKind.UNAVAILABLE,
    "InternalFailure": FailureKind.UNAVAILABLE,
}

_BY_WORDS = (
    ("insufficientinstancecapacity", FailureKind.CAPACITY),
    ("do not have sufficient", FailureKind.CAPACITY),
    ("is not supported in your requested availability zone", FailureKind.CAPACITY),
    ("vcpulimitexceeded", FailureKind.QUOTA),
    ("vcpu capacity than your current vcpu limit", FailureKind.QUOTA),
    ("limitexceeded", FailureKind.QUOTA),
    ("not authorized", FailureKind.UNAUTHORIZED),
    ("unauthorized", FailureKind.UNAUTHORIZED),
)
"""In EC2's sentences, in lower case; the first that is there counts."""

_GRAVEST = (
    FailureKind.UNAUTHORIZED,
    FailureKind.QUOTA,
    FailureKind.NOT_FOUND,
    FailureKind.INVALID,
    FailureKind.CAPACITY,
    FailureKind.THROTTLED,
    FailureKind.UNAVAILABLE,
)


def classify_code(code: str, words: str, *, status: int = 0) -> CloudFailure:
    """The failure that an error code of the API stands for."""
    if kind := _BY_CODE.get(code):
        return CloudFailure(kind, words)
    if status in (401, 403):
        return CloudFailure(FailureKind.UNAUTHORIZED, words)
    if 400 <= status < 500 and status != 429:
        return CloudFailure(_by_words(words) or FailureKind.INVALID, words)
    return CloudFailure(FailureKind.THROTTLED if status == 429 else FailureKind.UNAVAILABLE, words)


def classify_issues(issues: Iterable[Mapping[str, Any]]) -> CloudFailure | None:
    """The one failure that a node group's health issues amount to: what a person must mend first.

    Others follow from it: a missing right shows as a node that never joined, too.
    """
    found = [_classify_issue(issue) for issue in issues]
    return min(found, key=lambda failure: _GRAVEST.index(failure.kind)) if found else None


def _classify_issue(issue: Mapping[str, Any]) -> CloudFailure:
    code, words = issue.get("code", ""), issue.get("message", "")
    kind = _BY_CODE.get(code) or _by_words(words) or FailureKind.UNAVAILABLE
    return CloudFailure(kind, words or code)


def _by_words(words: str) -> FailureKind | None:
    lower = words.lower()
    return next((kind for part, kind in _BY_WORDS if part in lower), None)
