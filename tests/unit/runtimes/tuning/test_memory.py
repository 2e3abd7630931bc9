"""What libraries say when the disk or the memory is full, each in its own words."""

from pathlib import Path

import pytest
from safetensors import SafetensorError

from kaito.runtimes.tuning.memory import is_out_of_disk, is_out_of_memory

FULL = (
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    RuntimeError("[enforce fail at inline_container.cc] PytorchStreamWriter failed writing file"),
    OSError(122, "Disk quota exceeded"),
)


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
def test_a_full_disk_is_known_by_any_librarys_words(error: Exception) -> None:
    assert is_out_of_disk(error)
    assert not is_out_of_memory(error)


def test_other_failures_are_not_taken_for_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        (tmp_path / "nothing").read_text()

    assert not is_out_of_disk(missing.value)
    assert not is_out_of_disk(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
