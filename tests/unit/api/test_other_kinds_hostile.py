"""Whatever is written into these kinds, judging it ends in lines and never in an exception."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kind_shapes import SHAPES, changed, problems, shape

texts = st.text(max_size=8) | st.sampled_from(
    ["a" * 253, "a" * 10_000, "1e999999", "0 0 * * *\n", "http://[", "\x00", "*/" + "9" * 5000, "²"]
)
numbers = st.integers() | st.floats() | st.sampled_from([2**63, -(2**63) - 1, -0.0])
json = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def paths(value: Any, prefix: str = "") -> Iterator[str]:
    """Every field of a manifest, as `changed` takes it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for name, child in pairs:
        if "/" in str(name):
            continue
        path = f"{prefix}__{name}" if prefix else str(name)
        yield path
        if isinstance(child, dict | list):
            yield from paths(child, path)


@pytest.mark.parametrize("name", SHAPES)
@given(data=st.data())
def test_anything_may_stand_anywhere(name: str, data: st.DataObject) -> None:
    old = shape(name)
    where = sorted(path for path in paths(old) if path not in {"apiVersion", "kind"})
    new = changed(old, **{data.draw(st.sampled_from(where)): data.draw(json)})
    for found in (problems(new), problems(new, old), problems(old, new)):
        for problem in found:
            assert len(str(problem).splitlines()) == 1
