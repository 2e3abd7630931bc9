"""Registries to talk to: Debian's own and a double of ours, under one set of tests."""

from collections.abc import AsyncIterator, Iterator

import pytest
from docker_registry import registry_path, running_registry
from registry_clients import Counted
from registry_double import Faults, RegistryDouble, serving


@pytest.fixture
def progress() -> Counted:
    """Nobody looks at it but the test."""
    return Counted()


@pytest.fixture
async def double() -> AsyncIterator[RegistryDouble]:
    """Our double, running."""
    made = RegistryDouble(faults=Faults())
    async with serving(made):
        yield made


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's registry, open to everybody."""
    require_debian()
    with running_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture(scope="session")
def guarded_debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's registry behind a password."""
    require_debian()
    with running_registry(tmp_path_factory.mktemp("guarded"), has_auth=True) as host:
        yield host


def require_debian() -> None:
    """Skip where the program cannot be had; nothing else is skipped for that."""
    try:
        registry_path()
    except LookupError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["double", "debian"])
def host(request: pytest.FixtureRequest) -> str:
    """The address of either."""
    if request.param == "debian":
        return str(request.getfixturevalue("debian"))
    found: RegistryDouble = request.getfixturevalue("double")
    return found.host


@pytest.fixture(params=["basic", "bearer", "debian"])
def guarded(request: pytest.FixtureRequest) -> str:
    """The address of one that wants a login, asked for in each way there is."""
    if request.param == "debian":
        return str(request.getfixturevalue("guarded_debian"))
    found: RegistryDouble = request.getfixturevalue("double")
    found.faults.auth = request.param
    return found.host
