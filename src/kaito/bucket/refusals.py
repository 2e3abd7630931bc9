"""What a service's refusal means, as one line that says what to mend.

Codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; those of MinIO and Ceph
are named as theirs.
"""

from dataclasses import dataclass
from typing import Final, NoReturn

from kaito.api.weight_source import S3Source
from kaito.bucket.answers import NotUnderstood, parse_document
from kaito.bucket.errors import BucketError, Reason
from kaito.registry.web import Transient

_TRANSIENT: Final = frozenset(
    {
        *("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "Throttling"),
        *("OperationAborted", "XMinioServerNotInitialized", "BadDigest", "IncompleteBody"),
        *("XAmzContentSHA256Mismatch", "TemporaryRedirect"),
    }
)
_REASONS: Final[dict[str, Reason]] = {
    "NoSuchBucket": "no bucket",
    "AccessDenied": "denied",
    "AllAccessDisabled": "denied",
    "AccountProblem": "denied",
    "InvalidAccessKeyId": "login",
    "SignatureDoesNotMatch": "login",
    "InvalidClientTokenId": "login",
    "AuthFailure": "login",
    "InvalidToken": "expired",
    "ExpiredToken": "expired",
    "TokenRefreshRequired": "expired",
    "RequestTimeTooSkewed": "clock",
    "RequestExpired": "clock",
    "NoSuchKey": "not found",
    "NoSuchUpload": "not found",
    "InvalidPart": "changed",
    "PreconditionFailed": "changed",
    "PermanentRedirect": "region",
    "AuthorizationHeaderMalformed": "region",
    "IllegalLocationConstraintException": "region",
    "QuotaExceeded": "full",  # Ceph
    "XMinioStorageFull": "full",
    "XMinioAdminBucketQuotaExceeded": "full",
    "EntityTooLarge": "full",
    "InvalidBucketName": "endpoint",
    "MethodNotAllowed": "endpoint",
}
_WITHOUT_TEXT: Final = {403: "AccessDenied", 404: "NoSuchKey", 412: "PreconditionFailed"}
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_MAX_SAID: Final = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer of 300 and above."""

    status: int
    code: str = ""
    said: str = ""
    region: str = ""
    """Where the bucket is, if the service tells."""


def parse_refusal(status: int, text: bytes, headers: dict[str, str]) -> Refusal:
    """What the answer says; without a code where it is no document of the service's."""
    region = headers.get("x-amz-bucket-region", "")
    if not text.strip():
        code = _WITHOUT_TEXT.get(status, "")
        return Refusal(status=status, code=code, region=region)
    try:
        found = parse_document(text)
    except NotUnderstood:
        return Refusal(status=status, region=region)
    if found.name != "Error":
        return Refusal(status=status, region=region)
    said = " ".join(found.find("Message").split())[:_MAX_SAID]
    region = region or found.find("Region").strip()
    return Refusal(status=status, code=found.find("Code").strip(), said=said, region=region)


def raise_refusal(
    refusal: Refusal, source: S3Source, what: str, *, action: str, login_hint: str
) -> NoReturn:
    """Raise what an answer means: `Transient`, or `BucketError` about `what` for good."""
    code, status = refusal.code, refusal.status
    if code in _TRANSIENT or (status in _BUSY and code not in _REASONS):
        raise Transient(f"the service answered {code or status}")
    if status == 507:
        raise BucketError(f"{what}: {_where(source)} has no room left", reason="full")
    if not code:
        raise BucketError(
            f"{_where(source)} does not answer as S3 does ({status})",
            reason="endpoint",
            hint="look at endpoint: it is the service's own address, without the bucket's name",
        )
    reason = _REASONS.get(code, "refused")
    message, hint = _tell(reason, refusal, source, what=what, action=action)
    hint = login_hint or hint if reason in {"denied", "login"} else hint
    raise BucketError(message, reason=reason, hint=hint)


def _tell(
    reason: Reason, refusal: Refusal, source: S3Source, *, what: str, action: str
) -> tuple[str, str]:
    where, code = _where(source), refusal.code
    told: dict[Reason, tuple[str, str]] = {
        "no bucket": (
            f"there is no bucket {source.bucket!r} at {where}",
            "create it, or correct url or endpoint",
        ),
        "denied": (f"{what}: access is denied ({action})", f"allow the login {action}"),
        "login": (
            f"{where} does not know this login ({code})",
            "look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the Secret",
        ),
        "expired": (
            f"the login's token has expired ({code})",
            "renew AWS_SESSION_TOKEN in the Secret, or use a ServiceAccount with a role",
        ),
        "clock": (f"{where} finds that this machine's clock is wrong ({code})", "set the clock"),
        "not found": (f"{what} is not there ({code})", ""),
        "changed": (f"{what} changed meanwhile ({code})", "let nobody write there, and try again"),
        "region": (
            f"bucket {source.bucket!r} is in another region ({refusal.said or code})",
            "name its region in region",
        ),
        "full": (f"{what}: {where} takes no more ({code})", "make room, or raise the quota"),
        "endpoint": (
            f"{where} does not answer as S3 does ({code})",
            "look at endpoint: it is the service's own address, without the bucket's name",
        ),
    }
    return told.get(reason, (f"{what}: {where} refuses: {code}: {refusal.said}", ""))


def _where(source: S3Source) -> str:
    return source.endpoint or "Amazon S3"
