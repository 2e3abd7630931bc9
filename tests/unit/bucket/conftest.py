"""One server for all tests of this folder; each takes a bucket of its own."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from bucket_server import LOGIN, NOWHERE, BucketServer, running_bucket_server

from kaito.api.weight_source import S3Source

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[BucketServer]:
    with running_bucket_server() as server:
        yield server


@pytest.fixture(autouse=True)
def login(monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that is taken, and nothing of this machine's own."""
    for name, value in {**LOGIN, **NOWHERE}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def make_bucket(server: BucketServer) -> Callable[..., S3Source]:
    """Makes a bucket with objects in its folder `models/tiny`, `__` being a dot in their names."""

    def make(**objects: bytes) -> S3Source:
        return server.make_bucket(f"bucket-{next(_NUMBERS)}", **objects)

    return make
