"""ConfigMaps and Secrets, and the first status of Nodes and volumes."""

import base64
import binascii
import re
from typing import Any

from kaito.api.meta import Manifest
from kaito.local.apiserver.errors import Cause
from kaito.local.apiserver.rules.base import Rules

_MOST_BYTES = 1024 * 1024
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}\Z")
_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', "
    " or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


class ConfigMapRules(Rules):
    """See `Rules`."""

    def problems(self, new: Manifest, old: Manifest | None) -> tuple[Cause, ...]:
        """Keys, size, immutability."""
        fields = ("data", "binaryData")
        return (
            *_key_problems(new, fields),
            *_size_problems(new, fields),
            *_frozen(new, old, fields),
        )


class SecretRules(Rules):
    """See `Rules`."""

    def complete(self, manifest: Manifest) -> Manifest:
        """Fold `stringData`, which is write-only, into `data`."""
        typed = manifest if manifest.get("type") else {**manifest, "type": "Opaque"}
        texts = typed.get("stringData")
        if not texts:
            return typed
        folded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        rest = {key: value for key, value in typed.items() if key != "stringData"}
        return {**rest, "data": {**(typed.get("data") or {}), **folded}}

    def problems(self, new: Manifest, old: Manifest | None) -> tuple[Cause, ...]:
        """Keys, base64, size, immutability."""
        found = [*_key_problems(new, ("data",)), *_size_problems(new, ("data",))]
        for key, value in (new.get("data") or {}).items():
            if not _is_base64(value):
                found.append(Cause(f"data[{key}]", "Invalid value: illegal base64 data"))
        if old is not None and new.get("type") != old.get("type"):
            found.append(Cause("type", f'Invalid value: "{new.get("type")}": field is immutable'))
        return (*found, *_frozen(new, old, ("data",)))


class NodeRules(Rules):
    """Nodes: whoever registers one says how it is."""

    keeps_status_on_create = True


class VolumeRules(Rules):
    """PersistentVolumes and their claims: pending until somebody binds them."""

    def on_create(self, manifest: Manifest) -> Manifest:
        """See `Rules`."""
        return {**manifest, "status": {"phase": "Pending"}}


def _key_problems(new: Manifest, fields: tuple[str, ...]) -> list[Cause]:
    return [
        Cause(f"{field}[{key}]", f'Invalid value: "{key}": {_KEY_RULE}')
        for field in fields
        for key in new.get(field) or {}
        if not _KEY.match(key)
    ]


def _size_problems(new: Manifest, fields: tuple[str, ...]) -> list[Cause]:
    size = sum(len(str(v)) for field in fields for v in (new.get(field) or {}).values())
    if size <= _MOST_BYTES:
        return []
    return [Cause("", f"Too long: may not be more than {_MOST_BYTES} bytes", "FieldValueTooLong")]


def _frozen(new: Manifest, old: Manifest | None, fields: tuple[str, ...]) -> list[Cause]:
    if old is None or not old.get("immutable"):
        return []
    message = "Forbidden: field is immutable when `immutable` is set"
    return [
        Cause(field, message, "FieldValueForbidden")
        for field in (*fields, "immutable")
        if new.get(field) != old.get(field)
    ]


def _is_base64(value: Any) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
