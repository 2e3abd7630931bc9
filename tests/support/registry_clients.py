"""Clients of registries for tests, and files to send and to compare."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from registry_double import PASSWORD, USER

from kaito.base.backoff import Backoff
from kaito.base.clock import SystemClock
from kaito.registry.client import Registry
from kaito.registry.credentials import ANONYMOUS, Credentials, Login
from kaito.registry.files import LocalFile
from kaito.registry.reference import is_loopback
from kaito.registry.web import open_web


class Counted:
    """Progress that can be asked."""

    def __init__(self) -> None:
        self.total = self.done = self.arrived = 0

    def start(self, *, total: int, done: int) -> None:
        """Begin."""
        self.total, self.done = total, done

    def advance(self, size: int, *, item: str = "") -> None:
        """Count."""
        self.done += size
        self.arrived += max(size, 0)


def login_for(host: str, *, password: str = PASSWORD) -> Credentials:
    """The account that both guarded registries know."""
    login = Login(username=USER, password=password)
    return Credentials(logins=((host, login),), sources=("regcred",))


@asynccontextmanager
async def talking(credentials: Credentials = ANONYMOUS) -> AsyncIterator[Registry]:
    """A client that does not wait between tries."""
    async with open_web(SystemClock()) as web:
        quick = replace(web, backoff=Backoff(base=0.0, cap=0.0))
        yield Registry(quick, credentials, plain_http=is_loopback)


def write_files(folder: Path, contents: dict[str, bytes]) -> list[LocalFile]:
    """Files of a folder, to be pushed."""
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [LocalFile(name=name, path=folder / name) for name in contents]


def read_files(folder: Path) -> dict[str, bytes]:
    """All files of a folder by their names."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
