"""GKE's status codes and node pool conditions, sorted by kind.

Codes: https://cloud.google.com/apis/design/errors and StatusCondition in
https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/StatusCondition. One code covers
quotas of machines and of requests, so the words decide between them.
"""

from kaito.cloud.failure import CloudFailure, FailureKind

_BY_CODE = {
    "GCE_STOCKOUT": FailureKind.CAPACITY,
    "GCE_QUOTA_EXCEEDED": FailureKind.QUOTA,
    "GKE_SERVICE_ACCOUNT_DELETED": FailureKind.UNAUTHORIZED,
    "NODE_SERVICE_ACCOUNT_MISSING_PERMISSIONS": FailureKind.UNAUTHORIZED,
    "CLOUD_KMS_KEY_ERROR": FailureKind.UNAUTHORIZED,
    "CLOUD_KMS_KEY_DESTROYED": FailureKind.NOT_FOUND,
    "PERMISSION_DENIED": FailureKind.UNAUTHORIZED,
    "UNAUTHENTICATED": FailureKind.UNAUTHORIZED,
    "NOT_FOUND": FailureKind.NOT_FOUND,
    "INVALID_ARGUMENT": FailureKind.INVALID,
    "OUT_OF_RANGE": FailureKind.INVALID,
    "UNIMPLEMENTED": FailureKind.INVALID,
    # Another operation on the cluster has to end first.
    "FAILED_PRECONDITION": FailureKind.THROTTLED,
    "ABORTED": FailureKind.THROTTLED,
    "ALREADY_EXISTS": FailureKind.THROTTLED,
    "UNAVAILABLE": FailureKind.UNAVAILABLE,
    "DEADLINE_EXCEEDED": FailureKind.UNAVAILABLE,
    "INTERNAL": FailureKind.UNAVAILABLE,
}
_BY_WORDS = (
    ("per minute", FailureKind.THROTTLED),
    ("stockout", FailureKind.CAPACITY),
    ("does not have enough resources", FailureKind.CAPACITY),
    ("resource_pool_exhausted", FailureKind.CAPACITY),
    ("quota", FailureKind.QUOTA),
)
"""In lower case; the first that is there counts."""


def classify_code(code: str, words: str) -> CloudFailure:
    """The failure that a status code, or a node pool's condition, stands for."""
    lower = words.lower()
    spoken = next((kind for part, kind in _BY_WORDS if part in lower), None)
    if code == "RESOURCE_EXHAUSTED":
        return CloudFailure(spoken or FailureKind.QUOTA, words)
    known = _BY_CODE.get(code)
    # Conditions often have no code of their own, and a refusal for quota comes as a lack of rights.
    if spoken is not None and known in (None, FailureKind.UNAUTHORIZED, FailureKind.UNAVAILABLE):
        return CloudFailure(spoken, words)
    return CloudFailure(known or FailureKind.UNAVAILABLE, words or code)
