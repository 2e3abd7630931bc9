"""The address of a Service from this machine."""

from typing import Any

import msgspec
import pytest

from kaito.api.core import Service
from kaito.cli.workspaces import url_of


@pytest.mark.parametrize(
    ("cluster_ip", "port", "noted", "url"),
    [
        ("127.32.0.9", 80, "", "http://127.32.0.9"),
        ("127.32.0.9", 8080, "", "http://127.32.0.9:8080"),
        ("127.32.0.9", 80, "http://127.32.0.9:30080/", "http://127.32.0.9:30080"),
        ("10.0.0.9", 80, "", ""),
        ("None", 80, "", ""),
    ],
)
def test_only_what_this_machine_reaches_is_named(
    cluster_ip: str, port: int, noted: str, url: str
) -> None:
    manifest: dict[str, Any] = {
        "metadata": {"annotations": {"kaito.sh/reachable-at": noted} if noted else {}},
        "spec": {"clusterIP": cluster_ip, "ports": [{"name": "http", "port": port}]},
    }
    assert url_of(msgspec.convert(manifest, Service)) == url
