"""Who we are to a bucket, and the signature that proves it.

Amazon's own library finds the login wherever its tools would (variables, files, a role that the
pod's identity may take, the machine's) and signs. What it does blocks, and is done in threads.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

import asyncio
from typing import Any, Final

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from kaito.bucket.errors import BucketError

EMPTY_SHA256: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_FAILURES: Final = (BotoCoreError, ClientError, OSError)
"""The last is a token's file, which a cloud's webhook should have mounted."""
_PLACES: Final = (
    "name a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in secretName, or a "
    "ServiceAccount with a role in serviceAccountName"
)


class Login:
    """A login that renews itself where it can, or none, for buckets that everybody may read."""

    def __init__(self, credentials: Any, region: str) -> None:
        self._credentials = credentials
        self.region = region
        """What the environment says; empty where it says nothing."""

    @property
    def is_anonymous(self) -> bool:
        """Whether requests go unsigned."""
        return self._credentials is None

    @property
    def hint(self) -> str:
        """What to do when it is not enough."""
        return f"no login was found: {_PLACES}" if self.is_anonymous else ""

    async def sign(
        self, method: str, url: str, headers: dict[str, str], *, sha256: str, region: str
    ) -> dict[str, str]:
        """The headers with what proves who asks; `sha256` is the body's, in hexadecimal."""
        if self._credentials is None:
            return headers
        try:
            frozen = await asyncio.to_thread(self._credentials.get_frozen_credentials)
        except _FAILURES as error:
            raise _unusable(error) from error
        request = AWSRequest(method=method, url=url, headers=headers)
        _Signer(frozen, region, sha256).add_auth(request)
        return dict(request.headers.items())


class _Signer(S3SigV4Auth):  # type: ignore[misc]  # the library has no types
    """Takes the body's checksum as known: bodies are stretches of files, read once."""

    def __init__(self, credentials: Any, region: str, sha256: str) -> None:
        super().__init__(credentials, "s3", region)
        self._sha256 = sha256

    def payload(self, request: Any) -> str:
        del request
        return self._sha256


async def find_login() -> Login:
    """The login that this process has; `BucketError` where it is there and cannot be used."""
    try:
        return await asyncio.to_thread(_find)
    except _FAILURES as error:
        raise _unusable(error) from error


def _find() -> Login:
    session = Session()
    return Login(session.get_credentials(), session.get_config_variable("region") or "")


def _unusable(error: Exception) -> BucketError:
    said = " ".join(str(error).split())
    return BucketError(f"the login cannot be used: {said}", reason="login", hint=_PLACES)
