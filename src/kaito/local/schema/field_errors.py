"""What is wrong with one field, said in Kubernetes' words.

The wording is that of https://pkg.go.dev/k8s.io/apimachinery/pkg/util/validation/field, because
clients show it and people search for it.
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from kaito.api.meta import Manifest
from kaito.local.schema.structure import Json


class Reason(StrEnum):
    """Why a value is refused: the cause's name in a Status; `words` is how the message begins."""

    REQUIRED = "FieldValueRequired"
    INVALID = "FieldValueInvalid"
    TYPE_INVALID = "FieldValueTypeInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    DUPLICATE = "FieldValueDuplicate"
    FORBIDDEN = "FieldValueForbidden"
    TOO_LONG = "FieldValueTooLong"
    TOO_MANY = "FieldValueTooMany"

    @property
    def words(self) -> str:
        """The reason for people."""
        return _WORDS[self]


_WORDS = {
    Reason.REQUIRED: "Required value",
    Reason.INVALID: "Invalid value",
    Reason.TYPE_INVALID: "Invalid value",
    Reason.NOT_SUPPORTED: "Unsupported value",
    Reason.DUPLICATE: "Duplicate value",
    Reason.FORBIDDEN: "Forbidden",
    Reason.TOO_LONG: "Too long",
    Reason.TOO_MANY: "Too many",
}
_WITHOUT_VALUE = frozenset({Reason.REQUIRED, Reason.FORBIDDEN, Reason.TOO_LONG})


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One thing wrong with one field.

    `path` is written as `spec.containers[0].name`, and is `<root>` for the object itself; `value`
    is the offending value as JSON decodes it.
    """

    path: str
    reason: Reason
    detail: str = ""
    value: Json = None

    @property
    def body(self) -> str:
        """The message without the path."""
        said = self.reason.words
        if self.reason not in _WITHOUT_VALUE:
            said += f": {to_json_text(self.value)}"
        return f"{said}: {self.detail}" if self.detail else said

    @property
    def cause(self) -> Manifest:
        """The entry for `details.causes` of a Status."""
        return {"reason": self.reason.value, "message": self.body, "field": self.path}

    def __str__(self) -> str:
        """The whole line."""
        return f"{self.path}: {self.body}"


def to_json_text(value: Json) -> str:
    """A value as it appears in messages: compact JSON, strings in quotes."""
    return msgspec.json.encode(value).decode()
