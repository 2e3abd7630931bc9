"""The folder that is being filled keeps to itself."""

from pathlib import Path

import pytest

from kaito.registry.errors import RegistryError
from kaito.registry.partial import PartialFolder


@pytest.mark.parametrize("name", ["../victim", "a/../../victim", "..", "/victim", "", "a\0b"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with PartialFolder(tmp_path / "in") as partial:
        for ask in (partial.path, partial.target, partial.publish):
            with pytest.raises(RegistryError, match="leads out"):
                ask(name)


def test_folders_of_a_name_are_made_inside(tmp_path: Path) -> None:
    with PartialFolder(tmp_path) as partial:
        grown = partial.path("a/..b/c")
        grown.write_bytes(b"x")
        partial.publish("a/..b/c")
    assert (tmp_path / "a" / "..b" / "c").read_bytes() == b"x"
