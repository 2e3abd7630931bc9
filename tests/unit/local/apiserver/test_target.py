"""URLs to targets."""

import pytest

from kaito.local.apiserver.errors import StatusError
from kaito.local.apiserver.kinds import builtin_registry
from kaito.local.apiserver.target import parse_target

REGISTRY = builtin_registry()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/pods", ("pods", "", "", "")),
        ("/api/v1/namespaces", ("namespaces", "", "", "")),
        ("/api/v1/namespaces/a", ("namespaces", "", "a", "")),
        ("/api/v1/namespaces/a/status", ("namespaces", "", "a", "status")),
        ("/api/v1/namespaces/a/finalize", ("namespaces", "", "a", "finalize")),
        ("/api/v1/namespaces/a/pods", ("pods", "a", "", "")),
        ("/api/v1/namespaces/a/pods/b", ("pods", "a", "b", "")),
        ("/api/v1/namespaces/a/pods/b/log", ("pods", "a", "b", "log")),
        ("/api/v1/nodes/n", ("nodes", "", "n", "")),
        ("/apis/apps/v1/namespaces/a/deployments/d/", ("deployments.apps", "a", "d", "")),
        ("/apis/apps/v1/deployments", ("deployments.apps", "", "", "")),
    ],
)
def test_paths_are_understood(path: str, expected: tuple[str, str, str, str]) -> None:
    target = parse_target(REGISTRY, path)
    found = (target.served.resource, target.namespace, target.name, target.subresource)
    assert found == expected


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v1/pods/p", 400),
        ("/api/v2/pods", 404),
        ("/apis/apps/v1/namespaces/a/nothing", 404),
        ("/apis/apps/v1beta1/deployments", 404),
        ("/api/v1/namespaces/a/nodes/n", 404),
        ("/api/v1/namespaces/a/pods/b/log/more", 404),
        ("/other/v1/pods", 404),
    ],
)
def test_paths_to_nowhere_are_refused(path: str, code: int) -> None:
    with pytest.raises(StatusError) as raised:
        parse_target(REGISTRY, path)
    assert raised.value.code == code
