"""Where content lies in a registry, written as `docker pull` takes it.

`[REGISTRY/]REPOSITORY[:TAG][@ALGORITHM:HEX]`: the first component is a registry if it has a dot, a
port, or is `localhost`; else the name is one of Docker Hub's.
https://github.com/distribution/reference/blob/main/reference.go
"""

import re
from dataclasses import dataclass
from typing import Final

from kaito.base.errors import UsageError
from kaito.registry.manifest import DIGEST_PATTERN

DOCKER_HUB: Final = "docker.io"
DEFAULT_TAG: Final = "latest"
_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
_HOST = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(:\d{1,5})?\Z")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+|/)[a-z0-9]+)*\Z")
_TAG = re.compile(r"\w[\w.-]{0,127}\Z", re.ASCII)
_DIGEST = re.compile(DIGEST_PATTERN)
_LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?\Z")
_MAX_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One manifest: `digest` wins over `tag` where both are given."""

    registry: str
    """Host with its port; `docker.io` for Docker Hub."""
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def version(self) -> str:
        """What the manifest is asked for by."""
        return self.digest or self.tag or DEFAULT_TAG

    @property
    def host(self) -> str:
        """Where the registry's API answers."""
        return "registry-1.docker.io" if self.registry == DOCKER_HUB else self.registry

    def __str__(self) -> str:
        """The full spelling."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def parse_reference(text: str) -> Reference:
    """Read a reference; `UsageError` says which part of it is wrong."""
    name, at, digest = text.strip().partition("@")
    if at and not _DIGEST.match(digest):
        raise _wrong(text, f"{digest[:80]!r} is not a digest such as sha256:HEX")
    path, tag = _split_tag(name)
    if tag is not None and not _TAG.match(tag):
        raise _wrong(text, f"{tag[:80]!r} is not a tag")
    registry, repository = _split_registry(path)
    if not _HOST.match(registry):
        raise _wrong(text, f"{registry[:80]!r} is not the name of a registry")
    if not _REPOSITORY.match(repository) or len(repository) > _MAX_NAME:
        problem = "has capital letters" if repository != repository.lower() else "is not a name"
        raise _wrong(text, f"repository {repository[:80]!r} {problem}")
    tag = tag or ("" if digest else DEFAULT_TAG)
    return Reference(registry=registry, repository=repository, tag=tag, digest=digest)


def is_loopback(registry: str) -> bool:
    """Whether a registry is on this machine, where plain HTTP is what it speaks."""
    return _LOOPBACK.match(registry) is not None


def _split_tag(name: str) -> tuple[str, str | None]:
    path, colon, tag = name.rpartition(":")
    # A colon before a slash belongs to a port.
    return (path, tag) if colon and "/" not in tag else (name, None)


def _split_registry(path: str) -> tuple[str, str]:
    first, slash, rest = path.partition("/")
    is_registry = "." in first or ":" in first or first == "localhost"
    if not (slash and is_registry):
        return DOCKER_HUB, path if slash else f"library/{path}"
    if first in _HUB_NAMES:
        return DOCKER_HUB, rest if "/" in rest else f"library/{rest}"
    return first, rest


def _wrong(text: str, problem: str) -> UsageError:
    return UsageError(
        f"reference {text[:200]!r} is not understood: {problem}",
        hint="write REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:HEX",
    )
