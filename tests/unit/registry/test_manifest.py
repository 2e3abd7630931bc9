"""Descriptors: what is a digest and a size, before either becomes a path or a proof."""

import msgspec
import pytest

from kaito.registry.manifest import Descriptor, Index, Manifest

SHA256 = f"sha256:{'0a' * 32}"


def descriptor(digest: str, size: int = 1) -> dict[str, object]:
    return {"mediaType": "application/octet-stream", "digest": digest, "size": size}


@pytest.mark.parametrize("digest", [SHA256, f"sha512:{'0a' * 64}"])
def test_the_registered_digests_are_taken(digest: str) -> None:
    assert msgspec.convert(descriptor(digest), Descriptor).digest == digest


@pytest.mark.parametrize(
    "digest",
    [
        "",
        "sha256:",
        "sha256:x/../../victim",
        f"{SHA256}/../../victim",
        f"../{SHA256}",
        f"{SHA256}\n",
        SHA256.upper(),
        f"sha512:{'0a' * 32}",
        "foo:abc",
        "md5:",
        f"md5:{'0a' * 16}",
    ],
)
def test_any_other_digest_is_refused_wherever_it_stands(digest: str) -> None:
    entry = descriptor(digest)
    for document, kind in (
        ({"layers": [entry]}, Manifest),
        ({"config": entry}, Manifest),
        ({"manifests": [entry]}, Index),
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(msgspec.json.encode(document), type=kind)


def test_a_size_below_nothing_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(descriptor(SHA256, -1), Descriptor)
