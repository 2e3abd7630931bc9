"""What libraries say when the disk or the memory is full, each in its own words."""

from pathlib import Path

import pytest
from safetensors import SafetensorError

from kaito.runtimes.ending import Ending
from kaito.runtimes.tuning.memory import explain_failure, is_out_of_disk, is_out_of_memory
from kaito.runtimes.tuning.ranks import ENV_RANKS
from kaito.runtimes.tuning.settings import read_settings

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


GONE = "another process of this training is gone"
OUT = "out of memory while training"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("NCCL error: unhandled cuda error. Cuda failure 2 'out of memory'", OUT),
        ("ncclUnhandledCudaError: Last error: Failed to CUDA calloc async 608 bytes", OUT),
        (
            "NCCL error: creating shared memory segment /dev/x: No space left on device (28)",
            "the disk is full (shared memory)",
        ),
        ("NCCL error: remote process exited or there was a network error", GONE),
        ("[gloo/transport/tcp/pair.cc:534] Connection closed by peer", GONE),
        ("shape mismatch", "shape mismatch"),
    ],
)
def test_what_ran_out_here_is_not_told_as_a_peer_that_is_gone(
    monkeypatch: pytest.MonkeyPatch, words: str, said: str
) -> None:
    monkeypatch.setenv(ENV_RANKS, "2")
    found = explain_failure(RuntimeError(words), read_settings("", "lora"), None)

    assert said in (found.line if isinstance(found, Ending) else str(found))
