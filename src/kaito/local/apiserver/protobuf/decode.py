"""Built-in kinds from protobuf to the objects that JSON would have brought.

Go's encoder writes fields that JSON leaves out when they are zero; those are left out here too,
unless the field is a pointer or always present. The notation of the field table is explained in
`tools/protobuf_fields.py`.
"""

import base64
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from kaito.api.meta import Manifest
from kaito.base.clock import to_rfc3339, to_rfc3339_micro
from kaito.local.apiserver.protobuf.wire import WireError, fields

_MAGIC = b"k8s\x00"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Entry(NamedTuple):
    name: str
    type: str
    keeps_zero: bool
    inline: bool


def decode_body(data: bytes) -> Manifest:
    """The object in a body; `ValueError` where it is none, or of a kind that is not known here."""
    if not data.startswith(_MAGIC):
        raise WireError("the body does not begin with Kubernetes' protobuf prefix")
    envelope = {field.number: field.value for field in fields(data[len(_MAGIC) :])}
    named = {f.number: f.value for f in fields(_bytes(envelope.get(1, b"")))}
    api_version, kind = _text(named.get(1, b"")), _text(named.get(2, b""))
    root = _root(api_version, kind)
    if root not in _table():
        raise WireError(
            f"{kind} in {api_version} is not known as protobuf here; send it as application/json"
        )
    message = _message(root, _bytes(envelope.get(2, b"")))
    return {"apiVersion": api_version, "kind": kind, **message}


def _root(api_version: str, kind: str) -> str:
    if kind == "DeleteOptions":
        return "meta/v1.DeleteOptions"
    group, _, version = api_version.rpartition("/")
    return f"{group.partition('.')[0] or 'core'}/{version}.{kind}"


@cache
def _table() -> dict[str, dict[int, _Entry]]:
    text = files("kaito.local.apiserver.protobuf").joinpath("fields.json").read_bytes()
    raw: dict[str, dict[str, str]] = msgspec.json.decode(text)
    return {
        message: {int(number): _to_entry(entry) for number, entry in entries.items()}
        for message, entries in raw.items()
    }


def _to_entry(text: str) -> _Entry:
    name, type_ = text.split(" ")
    return _Entry(name, type_.lstrip("*^"), type_.startswith("*"), type_.startswith("^"))


def _message(name: str, data: bytes) -> Manifest:
    entries = _table()[name]
    built: Manifest = {}
    for number, raw in fields(data):
        entry = entries.get(number)
        if entry is None:
            continue
        if entry.inline:
            built.update(_message(entry.type, _bytes(raw)))
        elif entry.type.startswith("[]"):
            built.setdefault(entry.name, []).append(_value(entry.type[2:], raw))
        elif entry.type.startswith("{}"):
            key, value = _map_entry(entry.type[2:], _bytes(raw))
            built.setdefault(entry.name, {})[key] = value
        else:
            value = _value(entry.type, raw)
            if entry.keeps_zero or value not in (None, "", 0, False, {}, []):
                built[entry.name] = value
    return built


def _map_entry(type_: str, data: bytes) -> tuple[str, Any]:
    found = {field.number: field.value for field in fields(data)}
    return _text(found.get(1, b"")), _value(type_, found.get(2, b""))


def _value(type_: str, raw: int | bytes) -> Any:
    scalar = _SCALARS.get(type_)
    if scalar is not None:
        return scalar(raw)
    if type_.startswith("@[]"):
        return [_value(type_[3:], f.value) for f in fields(_bytes(raw)) if f.number == 1]
    return _message(type_, _bytes(raw))


def _bytes(raw: int | bytes) -> bytes:
    if isinstance(raw, int):
        raise WireError("a number stands where a message or a text is expected")
    return raw


def _text(raw: int | bytes) -> str:
    return _bytes(raw).decode()


def _integer(raw: int | bytes) -> int:
    if isinstance(raw, bytes):
        raise WireError("a text stands where a number is expected")
    return raw


def _numbers(raw: int | bytes) -> dict[int, int]:
    return {f.number: f.value for f in fields(_bytes(raw)) if isinstance(f.value, int)}


def _moment(raw: int | bytes) -> datetime | None:
    found = _numbers(raw)
    if not found:
        return None
    return _EPOCH + timedelta(seconds=found.get(1, 0), microseconds=found.get(2, 0) // 1000)


def _time(raw: int | bytes) -> str | None:
    moment = _moment(raw)
    return to_rfc3339(moment) if moment else None


def _micro_time(raw: int | bytes) -> str | None:
    moment = _moment(raw)
    return to_rfc3339_micro(moment) if moment else None


def _quantity(raw: int | bytes) -> str:
    return "".join(_text(field.value) for field in fields(_bytes(raw)) if field.number == 1)


def _int_or_string(raw: int | bytes) -> int | str:
    found = {field.number: field.value for field in fields(_bytes(raw))}
    return _text(found.get(3, b"")) if found.get(1) else _integer(found.get(2, 0))


def _duration(raw: int | bytes) -> str:
    return f"{_numbers(raw).get(1, 0) / 1e9:g}s"


def _raw_json(raw: int | bytes) -> Any:
    inner = next((_bytes(f.value) for f in fields(_bytes(raw)) if f.number == 1), b"null")
    return msgspec.json.decode(inner or b"null")


def _double(raw: int | bytes) -> float:
    (number,) = struct.unpack("<d", _bytes(raw))
    return float(number)


_SCALARS: dict[str, Callable[[int | bytes], Any]] = {
    "string": _text,
    "int": _integer,
    "bool": lambda raw: bool(_integer(raw)),
    "double": _double,
    "bytes": lambda raw: base64.b64encode(_bytes(raw)).decode(),
    "Time": _time,
    "MicroTime": _micro_time,
    "Duration": _duration,
    "Quantity": _quantity,
    "IntOrString": _int_or_string,
    "Raw": _raw_json,
}
