"""Which stretches of files count as verified."""

import hashlib
from pathlib import Path

import pytest

from kaito.registry.checksums import has_digest

CONTENT = b"content"
GIT = hashlib.sha1(b"blob 7\0content", usedforsecurity=False).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize(
    "digest",
    [
        f"sha256:{hashlib.sha256(CONTENT).hexdigest()}",
        f"sha512:{hashlib.sha512(CONTENT).hexdigest()}",
        f"git:{GIT}",
        "",
    ],
)
async def test_the_right_sum_matches_and_so_does_none(path: Path, digest: str) -> None:
    assert await has_digest(path, digest, offset=0, size=len(CONTENT))


@pytest.mark.parametrize(
    "digest",
    [
        "sha256:",
        "git:",
        "md5:",
        f"md5:{hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}",
        "foo:abc",
        ":",
        "sha256:x/../../victim",
        f"sha256:{hashlib.sha256(b'other').hexdigest()}",
    ],
)
async def test_a_sum_that_proves_nothing_does_not_match(path: Path, digest: str) -> None:
    assert not await has_digest(path, digest, offset=0, size=len(CONTENT))
