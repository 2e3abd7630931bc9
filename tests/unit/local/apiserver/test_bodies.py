"""Decoding bodies: what is noticed, what is refused."""

import pytest

from kaito.local.apiserver.bodies import APPLY, JSON, YAML, parse_body
from kaito.local.apiserver.errors import StatusError


def test_duplicate_fields_are_found_wherever_they_are() -> None:
    body = parse_body(b'{"a": 1, "a": 2, "b": [{"c": {"d": 1, "d": 2, "d": 3}}]}', JSON)
    assert body.value == {"a": 2, "b": [{"c": {"d": 3}}]}
    assert body.duplicates == ("a", "b[0].c.d")


def test_numbers_keep_their_kind() -> None:
    value = parse_body(b'{"whole": 9007199254740993, "part": 1.0}', JSON).value
    assert value == {"whole": 9007199254740993, "part": 1.0}
    assert isinstance(value["part"], float)


@pytest.mark.parametrize("kind", [YAML, APPLY])
def test_yaml_is_read_where_it_is_announced(kind: str) -> None:
    assert parse_body(b"a: {b: [1, x]}\n", kind).value == {"a": {"b": [1, "x"]}}
    assert parse_body(b'{"a": 1}', kind).value == {"a": 1}


@pytest.mark.parametrize("text", [b"2026-01-01", b"2026-01-01T10:00:00Z"])
def test_what_looks_like_a_time_in_yaml_is_a_string(text: bytes) -> None:
    assert parse_body(b"a: " + text, YAML).value == {"a": text.decode()}


def test_yaml_cannot_make_objects_of_this_process() -> None:
    with pytest.raises(StatusError, match="error parsing YAML"):
        parse_body(b"!!python/object/apply:os.getcwd []", YAML)


def test_deeply_nested_json_is_refused_and_not_a_crash() -> None:
    with pytest.raises(StatusError) as raised:
        parse_body(b"[" * 100_000, JSON)
    assert raised.value.code == 400
