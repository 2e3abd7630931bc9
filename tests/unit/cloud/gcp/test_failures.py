"""GKE's codes, where words decide what a code means."""

import pytest

from kaito.cloud.failure import FailureKind as K
from kaito.cloud.gcp.failures import classify_code

CASES = [
    ("GCE_STOCKOUT", "", K.CAPACITY),
    ("", "ZONE_RESOURCE_POOL_EXHAUSTED", K.CAPACITY),
    ("INTERNAL", "does not have enough resources available", K.CAPACITY),
    ("PERMISSION_DENIED", "Insufficient regional quota", K.QUOTA),
    ("PERMISSION_DENIED", "missing container.clusters.update", K.UNAUTHORIZED),
    ("RESOURCE_EXHAUSTED", "Write requests per minute", K.THROTTLED),
    ("RESOURCE_EXHAUSTED", "out of something", K.QUOTA),
    ("INVALID_ARGUMENT", "the quota project is malformed", K.INVALID),
    ("FAILED_PRECONDITION", "incompatible operation", K.THROTTLED),
    ("BRAND_NEW", "", K.UNAVAILABLE),
]


@pytest.mark.parametrize(("code", "words", "kind"), CASES)
def test_an_error_is_sorted(code: str, words: str, kind: K) -> None:
    assert classify_code(code, words).kind is kind
