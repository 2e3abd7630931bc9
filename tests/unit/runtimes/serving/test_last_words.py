"""The cause of an engine's death, among what its processes wrote."""

import subprocess
import sys

import pytest

from kaito.runtimes.serving.last_words import LastWords

WORKER = "(Worker pid=7) ERROR 11-22 [multiproc.py:1] ValueError: head size 3 is not supported\n"
CONSEQUENCE = "RuntimeError: Engine core initialization failed. See root cause above.\n"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (WORKER + CONSEQUENCE, "ValueError: head size 3 is not supported"),
        ("torch.OutOfMemoryError: no memory\n", "OutOfMemoryError: no memory"),
        ("INFO all is well\n", ""),
        ("", ""),
    ],
)
def test_the_cause_is_the_last_error_that_is_no_consequence(text: str, cause: str) -> None:
    words = LastWords()
    words.add(text.encode())
    assert words.cause == cause


def test_a_line_may_come_in_pieces() -> None:
    words = LastWords()
    words.add(b"ValueError: too ")
    words.add(b"large\nINFO x")
    assert words.cause == "ValueError: too large"


def test_what_children_write_is_passed_on_and_remembered() -> None:
    program = """
import subprocess, sys
from kaito.runtimes.serving.last_words import LastWords
words = LastWords()
words.start()
subprocess.run([sys.executable, "-c", "raise KeyError('deep')"])
print("after", flush=True)
words.stop()
print("cause is", words.cause, flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert "Traceback" in done.stderr
    assert "after" in done.stderr
    assert "cause is KeyError: 'deep'" in done.stderr
