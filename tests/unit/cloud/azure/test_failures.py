"""Azure's codes: bare, wrapped in others, and named in sentences only."""

import pytest

from kaito.cloud.azure.failures import classify_code
from kaito.cloud.failure import FailureKind as K

CASES = [
    ("SkuNotAvailable", "", 409, K.CAPACITY),
    ("ReconcileVMSSAgentPoolFailed", "Code='AllocationFailed' Message='...'", 0, K.CAPACITY),
    (
        "OperationNotAllowed",
        "exceeding approved family Cores quota",
        409,
        K.QUOTA,
    ),
    ("OperationNotAllowed", "Another operation (Updating) is in progress", 409, K.THROTTLED),
    ("LinkedAuthorizationFailed", "", 403, K.UNAUTHORIZED),
    ("BrandNew", "something", 400, K.INVALID),
    ("BrandNew", "something", 401, K.UNAUTHORIZED),
    ("BrandNew", "something", 404, K.NOT_FOUND),
    ("BrandNew", "something", 429, K.THROTTLED),
    ("BrandNew", "something", 502, K.UNAVAILABLE),
    ("BrandNew", "something", 0, K.UNAVAILABLE),
]


@pytest.mark.parametrize(("code", "words", "status", "kind"), CASES)
def test_an_error_is_sorted(code: str, words: str, status: int, kind: K) -> None:
    assert classify_code(code, words, status=status).kind is kind


def test_an_inner_code_says_more_than_the_one_around_it() -> None:
    inner = {"code": "QuotaExceeded", "message": "cores"}
    error = {"code": "BadRequest", "message": "failed", "details": [inner]}
    assert classify_code("BadRequest", "failed", status=400, details=error).kind is K.QUOTA


def test_what_the_service_says_of_waiting_is_kept() -> None:
    found = classify_code("TooManyRequests", "slow", status=429, retry_after=17.0)
    assert found.retry_after == 17.0
