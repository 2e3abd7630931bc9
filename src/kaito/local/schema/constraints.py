"""The limits a schema sets on single values: numbers, texts, and how many items or properties.

Wording as in https://pkg.go.dev/k8s.io/kube-openapi/pkg/validation/errors.
"""

from collections.abc import Iterator, Sized

from kaito.local.schema.field_errors import FieldError, Reason, to_json_text
from kaito.local.schema.formats import explain_mismatch
from kaito.local.schema.structure import Bounds, Json, Schema

_INT32 = 2**31


def check_number(schema: Schema, value: float, path: str) -> Iterator[FieldError]:
    """What is wrong with a number."""
    if schema.format == "int32" and not -_INT32 <= value < _INT32:
        yield _invalid(path, value, f"{path} in body must be of type int32: {value}")
    bounds = schema.bounds or Bounds()
    low, high = bounds.minimum, bounds.maximum
    if low is not None and (value < low or (bounds.exclusive_minimum and value == low)):
        relation = "greater than" if bounds.exclusive_minimum else "greater than or equal to"
        yield _invalid(path, value, f"{path} in body should be {relation} {low:g}")
    if high is not None and (value > high or (bounds.exclusive_maximum and value == high)):
        relation = "less than" if bounds.exclusive_maximum else "less than or equal to"
        yield _invalid(path, value, f"{path} in body should be {relation} {high:g}")
    step = bounds.multiple_of
    if step and not (value / step).is_integer():
        yield _invalid(path, value, f"{path} in body should be a multiple of {step:g}")


def check_text(schema: Schema, value: str, path: str) -> Iterator[FieldError]:
    """What is wrong with a string."""
    bounds = schema.bounds or Bounds()
    if bounds.max_length is not None and len(value) > bounds.max_length:
        detail = f"may not be more than {bounds.max_length} bytes"
        yield FieldError(path=path, reason=Reason.TOO_LONG, value=value, detail=detail)
    if bounds.min_length is not None and len(value) < bounds.min_length:
        said = f"{path} in body should be at least {bounds.min_length} chars long"
        yield _invalid(path, value, said)
    if schema.pattern and not schema.pattern.search(value):
        yield _invalid(path, value, f"{path} in body should match '{schema.pattern_source}'")
    if schema.format and (mismatch := explain_mismatch(schema.format, value)):
        typed = f"{path} in body must be of type {mismatch}: {to_json_text(value)}"
        yield _invalid(path, value, typed if mismatch == schema.format else mismatch)


def check_size(bounds: Bounds, value: Sized, path: str) -> Iterator[FieldError]:
    """What is wrong with the number of items of a list or properties of an object."""
    many = isinstance(value, list)
    low = bounds.min_items if many else bounds.min_properties
    high = bounds.max_items if many else bounds.max_properties
    noun = "items" if many else "properties"
    size = len(value)
    if low is not None and size < low:
        yield _invalid(path, value, f"{path} in body should have at least {low} {noun}")
    if high is not None and size > high:
        if many:
            detail = f"must have at most {high} items"
            yield FieldError(path=path, reason=Reason.TOO_MANY, value=size, detail=detail)
        else:
            yield _invalid(path, value, f"{path} in body should have at most {high} properties")
    if many and bounds.unique_items and has_repetitions(value):
        yield _invalid(path, value, f"{path} in body shouldn't contain duplicates")


def has_repetitions(values: Sized) -> bool:
    """Whether a list holds two equal values."""
    assert isinstance(values, list)
    return len({to_json_text(value) for value in values}) < len(values)


def _invalid(path: str, value: Json, detail: str) -> FieldError:
    return FieldError(path=path or "<root>", reason=Reason.INVALID, value=value, detail=detail)
