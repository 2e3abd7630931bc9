"""What can go wrong between us and a bucket.

RegistryError
+-- BucketError     `reason` says what a person has to mend; `kind` is what a transfer needs to know
"""

from typing import Final, Literal, TypeAlias

from kaito.registry.errors import Kind, RegistryError

Reason: TypeAlias = Literal[
    "no bucket", "denied", "login", "expired", "clock", "region", "endpoint", "not found",
    "not filled", "busy", "changed", "damaged", "full", "refused",
]  # fmt: skip
"""no bucket: there is none of that name; denied: the login may not do what the message names;
login: there is none, or it is wrong; expired: its token is; clock: this machine's time is wrong;
region: the bucket is elsewhere, and nobody says where; endpoint: what answers there is not S3;
not found: no such object; not filled: the list that is written last is missing; busy: another
writer has its turn; changed: somebody writes to the folder meanwhile; damaged: objects are not what
they should be; full: the bucket takes no more; refused: anything else that the service will not
do."""

_KINDS: Final[dict[Reason, Kind]] = {
    "no bucket": "not found",
    "denied": "auth",
    "login": "auth",
    "expired": "auth",
    "not found": "not found",
    "not filled": "not found",
    "changed": "damaged",
    "damaged": "damaged",
}


class BucketError(RegistryError):
    """One request to a bucket failed for good."""

    def __init__(self, message: str, *, reason: Reason, hint: str = "") -> None:
        super().__init__(message, kind=_KINDS.get(reason, "refused"), hint=hint)
        self.reason: Reason = reason
