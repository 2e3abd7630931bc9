"""Reasons that people meet are explained to them."""

import re
from pathlib import Path

import pytest

from kaito.cloud.failure import FailureKind
from kaito.controllers import nodeclaims

ROOT = Path(__file__).resolve().parents[4]
PAGE = (ROOT / "docs" / "how-to" / "write-a-provisioner.md").read_text()
SOURCES = "".join(path.read_text() for path in sorted(Path(nodeclaims.__path__[0]).glob("*.py")))
WAITED = re.findall(r'waiting\(\s*\w+,\s*"(\w+)"', SOURCES)
NAMED = re.findall(r'reason="(\w+)"', SOURCES)
CONSTANTS = re.findall(r'^(?:MISSING|VANISHED|ENDING|_GONE) = "(\w+)"', SOURCES, re.MULTILINE)


@pytest.mark.parametrize(
    "reason", sorted({*WAITED, *NAMED, *CONSTANTS, *(kind.value for kind in FailureKind)})
)
def test_every_reason_is_on_the_page(reason: str) -> None:
    assert f"`{reason}`" in PAGE


def test_the_search_for_reasons_finds_some_of_each_kind() -> None:
    assert {"NodeNotReady", "Launching"} <= set(WAITED)
    assert "WaitingForPods" in NAMED
    assert len(CONSTANTS) == 4
