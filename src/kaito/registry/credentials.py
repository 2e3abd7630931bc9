"""Names and passwords for registries, in the forms Docker and Kubernetes keep them in.

A mounted Secret of type kubernetes.io/dockerconfigjson is a folder with `.dockerconfigjson`; the
older kubernetes.io/dockercfg one has `.dockercfg`; Docker's own file is `config.json`. Credential
helpers are programs and are not run: what they would have known is said in `notes`.
https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/
"""

import base64
import binascii
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from kaito.registry.errors import RegistryError
from kaito.registry.reference import DOCKER_HUB

_T = TypeVar("_T")
_FILES = (".dockerconfigjson", "config.json", ".dockercfg")
_HUB = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One account. `identity` is a refresh token, which some registries hand out instead."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Logins by where they count: a host, or a host with the first part of a repository's name."""

    logins: tuple[tuple[str, Login], ...] = ()
    notes: tuple[str, ...] = ()
    """Why some login may be missing, one sentence each."""
    sources: tuple[str, ...] = ()
    """Which Secrets or files were looked into, for error messages."""

    def find(self, registry: str, repository: str = "") -> tuple[Login, ...]:
        """The logins to try, the most particular first; empty: stay anonymous."""
        host = DOCKER_HUB if registry in _HUB else registry
        wanted = f"{host}/{repository}"
        found = [(scope, login) for scope, login in self.logins if _covers(scope, wanted)]
        return tuple(login for _, login in sorted(found, key=lambda item: -len(item[0])))


ANONYMOUS = Credentials()


class _Entry(msgspec.Struct):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class _Config(msgspec.Struct, rename="camel"):
    auths: dict[str, _Entry] = {}
    creds_store: str = ""
    cred_helpers: dict[str, str] = {}


def read_credentials(folders: Sequence[Path]) -> Credentials:
    """The logins of mounted Secrets, in their order; a folder that is not there has none."""
    logins: list[tuple[str, Login]] = []
    sources: list[str] = []
    for folder in folders:
        path = next((folder / name for name in _FILES if (folder / name).is_file()), None)
        if path is not None:
            sources.append(folder.name)
            logins += _read_file(path)
    return Credentials(logins=tuple(logins), sources=tuple(sources))


def user_credentials() -> Credentials:
    """What `docker login` of the current user left."""
    named = os.environ.get("DOCKER_CONFIG")
    try:
        path = (Path(named) if named else Path.home() / ".docker") / "config.json"
        if not path.is_file():
            return ANONYMOUS
    except (RuntimeError, PermissionError):  # a user without a home, or with another's
        return ANONYMOUS
    config = _decode(path, _Config)
    helpers = sorted({config.creds_store, *config.cred_helpers.values()} - {""})
    notes = tuple(
        f"{path} keeps logins in the credential helper {name!r}, which is not asked"
        for name in helpers
    )
    return Credentials(
        logins=tuple(_to_logins(config.auths, path)), notes=notes, sources=(str(path),)
    )


def _read_file(path: Path) -> list[tuple[str, Login]]:
    if path.name == ".dockercfg":
        return list(_to_logins(_decode(path, dict[str, _Entry]), path))
    return list(_to_logins(_decode(path, _Config).auths, path))


def _to_logins(entries: dict[str, _Entry], path: Path) -> Iterable[tuple[str, Login]]:
    for scope, entry in entries.items():
        username, password = entry.username, entry.password
        if entry.auth:
            username, password = _split_auth(entry.auth, path)
        if username or entry.identitytoken:
            login = Login(username=username, password=password, identity=entry.identitytoken)
            yield _to_scope(scope), login


def _split_auth(auth: str, path: Path) -> tuple[str, str]:
    try:
        username, _, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise RegistryError(
            f"{path}: an `auth` is not the base64 of USER:PASSWORD", kind="auth"
        ) from error
    # Docker pads what it writes with zero bytes.
    return username, password.rstrip("\0")


def _to_scope(text: str) -> str:
    """`https://index.docker.io/v1/` and `ghcr.io/org` as host and path."""
    bare = text.removeprefix("https://").removeprefix("http://").rstrip("/")
    host, _, path = bare.partition("/")
    path = "" if path in {"v1", "v2"} else path
    host = DOCKER_HUB if host in _HUB else host
    return f"{host}/{path}" if path else host


def _covers(scope: str, wanted: str) -> bool:
    host, _, path = scope.partition("/")
    wanted_host, _, wanted_path = wanted.partition("/")
    if not _is_host(host, wanted_host):
        return False
    return not path or wanted_path == path or wanted_path.startswith(f"{path}/")


def _is_host(pattern: str, host: str) -> bool:
    """The kubelet's rule: `*` stands for one part of the name."""
    if "*" not in pattern:
        return pattern == host
    ours, theirs = pattern.split("."), host.split(".")
    return len(ours) == len(theirs) and all(
        one in ("*", other) for one, other in zip(ours, theirs, strict=True)
    )


def _decode(path: Path, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise RegistryError(
            f"logins in {path} cannot be read: {error}",
            kind="auth",
            hint="make the Secret with `kubectl create secret docker-registry`",
        ) from error
