"""Mount paths in commands and variables, where nothing is mounted."""

from pathlib import Path

import pytest

from kaito.local.node.mounts import Mount
from kaito.local.node.translation import plan_rewrites, translate

REWRITES = plan_rewrites(
    [
        Mount(path="/mnt", source=Path("/s/outer")),
        Mount(path="/mnt/config", source=Path("/s/inner")),
        Mount(path="/dev/termination-log", source=Path("/s/last")),
    ]
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/mnt/config", "/s/inner"),
        ("/mnt/config/a.yaml", "/s/inner/a.yaml"),
        ("/mnt/other", "/s/outer/other"),
        ("--config=/mnt/config/a.yaml", "--config=/s/inner/a.yaml"),
        ("cat /mnt/a > /dev/termination-log; ls /mnt", "cat /s/outer/a > /s/last; ls /s/outer"),
        ("/mnt/config:/mnt/x", "/s/inner:/s/outer/x"),
        ("'/mnt/config'", "'/s/inner'"),
        ("/mnt/configs", "/s/outer/configs"),
        ("/mntx", "/mntx"),
        ("/a/mnt/config", "/a/mnt/config"),
        ("https://example.com/mnt/config", "https://example.com/mnt/config"),
        ("./mnt/config", "./mnt/config"),
    ],
)
def test_a_path_is_rewritten_where_it_begins_and_ends(text: str, wanted: str) -> None:
    assert translate(text, REWRITES) == wanted


def test_without_mounts_nothing_changes() -> None:
    assert translate("/mnt", ()) == "/mnt"
