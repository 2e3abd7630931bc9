"""References as people and manifests write them."""

import pytest

from kaito.base.errors import UsageError
from kaito.registry.reference import is_loopback, parse_reference

HEX = "a" * 64


@pytest.mark.parametrize(
    ("text", "full", "host"),
    [
        ("ghcr.io/a/b:1", "ghcr.io/a/b:1", "ghcr.io"),
        ("localhost:5000/a", "localhost:5000/a:latest", "localhost:5000"),
        ("localhost/a:1", "localhost/a:1", "localhost"),
        ("[::1]:5000/a/b:x", "[::1]:5000/a/b:x", "[::1]:5000"),
        ("alpine", "docker.io/library/alpine:latest", "registry-1.docker.io"),
        ("org/model:v1", "docker.io/org/model:v1", "registry-1.docker.io"),
        ("index.docker.io/alpine:3", "docker.io/library/alpine:3", "registry-1.docker.io"),
        (f"r.io/a/b@sha256:{HEX}", f"r.io/a/b@sha256:{HEX}", "r.io"),
        (f"r.io/a/b:1@sha256:{HEX}", f"r.io/a/b:1@sha256:{HEX}", "r.io"),
    ],
)
def test_a_reference_is_read_as_docker_reads_it(text: str, full: str, host: str) -> None:
    reference = parse_reference(text)
    assert (str(reference), reference.host) == (full, host)
    assert parse_reference(full) == reference


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not a name"),
        ("ghcr.io/Org/Model:1", "has capital letters"),
        ("ghcr.io/a/b:", "is not a tag"),
        ("ghcr.io/a/b:sp ace", "is not a tag"),
        ("ghcr.io/a/../b:1", "is not a name"),
        ("ghcr.io/a@sha256:abc", "is not a digest"),
        ("-bad.io/a:1", "is not the name of a registry"),
        ("http://ghcr.io/a:1", "is not"),
    ],
)
def test_what_is_wrong_with_a_reference_is_named(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        parse_reference(text)


@pytest.mark.parametrize(
    ("registry", "is_local"),
    [
        ("localhost:5000", True),
        ("127.0.0.1", True),
        ("127.0.0.2:80", True),
        ("[::1]:5000", True),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("10.0.0.1:5000", False),
    ],
)
def test_plain_http_is_for_this_machine_only(registry: str, is_local: bool) -> None:
    assert is_loopback(registry) is is_local
