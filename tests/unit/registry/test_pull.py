"""Layers' annotations as stretches of files."""

import pytest

from kaito.registry.errors import RegistryError
from kaito.registry.manifest import FILE_OFFSET, FILE_SIZE, TITLE, Descriptor
from kaito.registry.pull import to_pieces


@pytest.mark.parametrize("key", [FILE_OFFSET, FILE_SIZE])
@pytest.mark.parametrize("text", ["9" * 20, "9" * 5000, "-1", "x"])
def test_a_number_that_no_file_has_is_damage(key: str, text: str) -> None:
    layer = Descriptor(digest=f"sha256:{'0' * 64}", size=1, annotations={TITLE: "a", key: text})
    with pytest.raises(RegistryError) as caught:
        to_pieces([layer])
    assert caught.value.kind == "damaged"
