"""Bodies of requests: JSON, YAML or protobuf in, an object out, with duplicate fields noticed.

CBOR is refused by name. The size limit is etcd's order of
magnitude, so nothing fits here that a real cluster would refuse.
"""

import json
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any, NoReturn

import msgspec

from kaito.local.apiserver import errors

MOST_BYTES = 3 * 1024 * 1024
JSON = "application/json"
YAML = "application/yaml"
APPLY = "application/apply-patch+yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"


@dataclass(frozen=True, slots=True)
class Body:
    """A decoded body, and the paths of fields that it has twice."""

    value: Any
    duplicates: tuple[str, ...] = ()

    def to_object(self) -> dict[str, Any]:
        """The value as a JSON object; 400 for anything else."""
        if not isinstance(self.value, dict):
            raise errors.bad_request("the body of the request is not a JSON object")
        return self.value


class _Duplicated(dict[str, Any]):
    """An object in which some keys came twice."""

    keys_twice: tuple[str, ...]


def parse_body(data: bytes, media_type: str, *, look_for_duplicates: bool = True) -> Body:
    """Decode a body of a media type that is JSON or YAML; 415 and 400 otherwise."""
    if media_type == PROTOBUF:
        return Body(_parse_protobuf(data))
    if media_type in {YAML, APPLY} and data.lstrip()[:1] != b"{":
        return Body(_parse_yaml(data))
    if not (media_type in {JSON, APPLY, YAML, ""} or media_type.endswith("+json")):
        raise errors.unsupported_media_type(media_type, (JSON, YAML, PROTOBUF))
    try:
        if not look_for_duplicates:
            return Body(msgspec.json.decode(data))
        marked: list[_Duplicated] = []
        value = json.loads(
            data,
            object_pairs_hook=partial(_to_dict, marked),
            parse_constant=_refuse,
            parse_float=_to_float,
        )
    except (ValueError, RecursionError) as error:
        raise errors.bad_request(f"the object provided is unrecognized: {error}") from error
    return Body(value, tuple(_duplicates(value, "")) if marked else ())


def _parse_protobuf(data: bytes) -> Any:
    # Imported late, with its table of fields: few clients send protobuf.
    from kaito.local.apiserver.protobuf.decode import decode_body

    try:
        return decode_body(data)
    except ValueError as error:
        raise errors.unsupported_media_type(f"{PROTOBUF}: {error}", (JSON, YAML)) from error


def _parse_yaml(data: bytes) -> Any:
    # Imported late: most planes never see YAML, and the module is a megabyte.
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(data)
    # JSON has no times: Kubernetes keeps what looks like one as the string it is.
    loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in loader.yaml_implicit_resolvers.items()
    }
    try:
        return loader.get_single_data()
    except (yaml.YAMLError, ValueError) as error:
        text = str(error).replace("\n", " ")
        raise errors.bad_request(f"error parsing YAML: {text}") from error
    finally:
        loader.dispose()


def _to_dict(marked: list[_Duplicated], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) == len(pairs):
        return built
    names = [name for name, _ in pairs]
    twice = _Duplicated(built)
    twice.keys_twice = tuple(sorted({name for name in names if names.count(name) > 1}))
    marked.append(twice)
    return twice


def _duplicates(value: Any, path: str) -> list[str]:
    if isinstance(value, list):
        return [d for i, item in enumerate(value) for d in _duplicates(item, f"{path}[{i}]")]
    if not isinstance(value, dict):
        return []
    dot = f"{path}." if path else ""
    found = [f"{dot}{key}" for key in value.keys_twice] if isinstance(value, _Duplicated) else []
    for key, item in value.items():
        if isinstance(item, dict | list):
            found += _duplicates(item, f"{dot}{key}")
    return found


def _to_float(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _refuse(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
