"""EKS's and EC2's codes and sentences, as they come."""

import pytest

from kaito.cloud.aws.failures import classify_code, classify_issues
from kaito.cloud.failure import FailureKind as K

ISSUES = [
    ("AsgInstanceLaunchFailures", "InsufficientInstanceCapacity - We currently do not", K.CAPACITY),
    (
        "AsgInstanceLaunchFailures",
        "Your requested instance type is not supported in your requested Availability Zone",
        K.CAPACITY,
    ),
    ("AsgInstanceLaunchFailures", "VcpuLimitExceeded - You have requested more", K.QUOTA),
    ("AsgInstanceLaunchFailures", "UnauthorizedOperation - You are not authorized", K.UNAUTHORIZED),
    ("AsgInstanceLaunchFailures", "something new", K.UNAVAILABLE),
    ("Ec2SubnetNotFound", "", K.NOT_FOUND),
    ("InsufficientFreeAddresses", "", K.CAPACITY),
    ("AccessDenied", "", K.UNAUTHORIZED),
    ("BrandNewIssue", "", K.UNAVAILABLE),
]
CODES = [
    ("AccessDeniedException", 403, K.UNAUTHORIZED),
    ("ThrottlingException", 429, K.THROTTLED),
    ("BrandNewException", 400, K.INVALID),
    ("BrandNewException", 403, K.UNAUTHORIZED),
    ("BrandNewException", 429, K.THROTTLED),
    ("BrandNewException", 503, K.UNAVAILABLE),
    ("", 0, K.UNAVAILABLE),
]


@pytest.mark.parametrize(("code", "words", "kind"), ISSUES)
def test_a_health_issue_is_sorted_by_code_then_by_words(code: str, words: str, kind: K) -> None:
    found = classify_issues([{"code": code, "message": words}])
    assert found is not None
    assert (found.kind, str(found)) == (kind, words or code)


@pytest.mark.parametrize(("code", "status", "kind"), CODES)
def test_an_error_is_sorted_by_code_then_by_status(code: str, status: int, kind: K) -> None:
    assert classify_code(code, "words", status=status).kind is kind


def test_of_several_issues_the_one_to_mend_first_counts() -> None:
    joined = {"code": "NodeCreationFailure", "message": "Instances failed to join"}
    denied = {"code": "AccessDenied", "message": "no rights"}
    found = classify_issues([joined, denied])
    assert found is not None
    assert str(found) == "no rights"
    assert classify_issues([]) is None
