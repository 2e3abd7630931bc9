"""Headers of safetensors files, sound and hostile."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaito.catalog.safetensors import HEADER_LIMIT, Tensor, header_length, parse_header


def to_file(header: object, data: int) -> bytes:
    """A file with that header and so many bytes of tensors."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


def entry(start: int, stop: int, shape: list[int], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def test_tensors_come_in_the_order_of_the_file_with_their_sizes() -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "b": entry(24, 28, [2], "BF16"),
        "a": entry(0, 24, [2, 3]),
        "scalar": entry(28, 32, []),
        "packed": entry(32, 36, [8], "F4"),
    }
    file = to_file(header, 36)
    assert parse_header(file[:-36], file_bytes=len(file)) == (
        Tensor("a", "F32", 6, 24),
        Tensor("b", "BF16", 2, 4),
        Tensor("scalar", "F32", 1, 4),
        Tensor("packed", "F4", 8, 4),
    )


def test_what_the_reference_implementation_writes_is_read() -> None:
    library = pytest.importorskip("safetensors.numpy")
    numpy = pytest.importorskip("numpy")
    arrays = {"weight": numpy.zeros((3, 2), "float32"), "bias": numpy.zeros(3, "float16")}
    file = library.save(arrays, {"format": "pt"})
    head = file[: header_length(file[:8], file_bytes=len(file))]
    found = {tensor.name: tensor for tensor in parse_header(head, file_bytes=len(file))}
    assert found == {
        "weight": Tensor("weight", "F32", 6, 24),
        "bias": Tensor("bias", "F16", 3, 6),
    }


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        (b"{", 0, "is not JSON"),
        ([], 0, "is not an object"),
        ({"a": []}, 0, "tensor 'a' has no type that we know"),
        ({"a": entry(0, 4, [1], "F128")}, 4, "tensor 'a' has no type that we know"),
        ({"a": {"dtype": None, "shape": [], "data_offsets": [0, 0]}}, 0, "no type that we know"),
        ({"a": entry(0, 4, [2])}, 4, "is 4 bytes long and its shape and type say 8"),
        ({"a": entry(0, 4, [-1])}, 4, "shape is not a list of counts"),
        ({"a": entry(0, 4, [True])}, 4, "shape is not a list of counts"),
        ({"a": entry(0, 4, [2**60, 2**60])}, 4, "shape is not a list of counts"),
        ({"a": entry(0, 4, [2**50, 2**50])}, 4, "its shape and type say"),
        ({"a": entry(4, 0, [1])}, 4, "has no place"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}, 4, "has no place"),
        ({"a": {"dtype": "F32", "shape": [1]}}, 4, "data_offsets is not a list of counts"),
        ({"a": entry(0, 8, [2]), "b": entry(4, 8, [1])}, 8, "'b' overlaps the one before it"),
        ({"a": entry(0, 4, [1]), "b": entry(8, 12, [1])}, 12, "'b' leaves a gap before it"),
        ({"a": entry(0, 4, [1])}, 8, "and its header describes"),
        ({"a": entry(0, 8, [2])}, 4, "and its header describes"),
        ({"a" * 2000: entry(0, 4, [1])}, 4, "name of 2000 characters is too long"),
        ({"../../etc/passwd\n": entry(0, 4, [2])}, 4, r"'\.\./\.\./etc/passwd\\n' is 4 bytes"),
    ],
)
def test_a_header_that_does_not_fit_its_file_is_refused_in_one_line(
    header: object, data: int, message: str
) -> None:
    file = to_file(header, data)
    with pytest.raises(ValueError, match=message) as caught:
        parse_header(file, file_bytes=len(file))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("head", "file_bytes", "message"),
    [
        (b"", 0, "too short for a header"),
        (b"1234567", 7, "too short for a header"),
        ((HEADER_LIMIT + 1).to_bytes(8, "little"), 2**40, "is longer than 100000000"),
        (b"\xff" * 8, 2**40, "is longer than 100000000"),
        ((100).to_bytes(8, "little"), 50, "is cut off: its header needs 108 bytes"),
    ],
)
def test_a_length_that_cannot_be_is_refused_before_anything_is_read(
    head: bytes, file_bytes: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        header_length(head, file_bytes=file_bytes)


def test_a_head_that_stops_within_the_header_is_refused() -> None:
    file = to_file({"a": entry(0, 4, [1])}, 4)
    with pytest.raises(ValueError, match=r"cut off: 20 of \d+ bytes are here"):
        parse_header(file[:20], file_bytes=len(file))


names = st.text(max_size=20)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=3)
    ),
    max_leaves=8,
)
entries = st.one_of(
    json_values,
    st.fixed_dictionaries(
        {
            "dtype": st.one_of(st.sampled_from(("F32", "BF16", "F4", "BOOL")), json_values),
            "shape": st.one_of(st.lists(st.integers(0, 5), max_size=3), json_values),
            "data_offsets": st.one_of(
                st.lists(st.integers(0, 40), min_size=2, max_size=2), json_values
            ),
        }
    ),
)


def refusal(head: bytes, file_bytes: int) -> str:
    """What is wrong with a header, or nothing; any other exception fails the test."""
    try:
        parse_header(head, file_bytes=file_bytes)
    except ValueError as error:
        return str(error)
    return ""


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(names, entries, max_size=4), st.integers(0, 60), st.integers(0, 60))
def test_no_header_breaks_the_reading(header: dict[str, Any], data: int, cut: int) -> None:
    file = to_file(header, data)
    message = refusal(file[: len(file) - cut], len(file))
    assert "\n" not in message
    assert len(message) < 400
    if not message:
        tensors = parse_header(file, file_bytes=len(file))
        assert sum(tensor.size_bytes for tensor in tensors) == data


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=64), st.integers(0, 2**50))
def test_no_bytes_break_the_reading(head: bytes, file_bytes: int) -> None:
    assert "\n" not in refusal(head, file_bytes)
