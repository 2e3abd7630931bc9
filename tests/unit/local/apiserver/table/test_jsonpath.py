"""The JSONPath of printer columns."""

import pytest

from kaito.local.apiserver.table.jsonpath import find_text, parse

DOCUMENT = {
    "metadata": {"name": "a", "annotations": {"example.com/x": "noted"}},
    "status": {
        "conditions": [
            {"type": "ResourceReady", "status": "True"},
            {"type": "WorkspaceReady", "status": "False"},
        ],
        "count": 3,
        "done": True,
        "nothing": None,
        "nodes": ["n1", "n2"],
    },
}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".metadata.name", "a"),
        ("{.metadata.name}", "a"),
        ("$.metadata.name", "a"),
        ("metadata.name", "a"),
        ('.status.conditions[?(@.type=="ResourceReady")].status', "True"),
        (".status.conditions[?(@.type=='WorkspaceReady')].status", "False"),
        ('.status.conditions[?(@.type == "Missing")].status', ""),
        ('.status.conditions[?(@.type!="ResourceReady")].type', "WorkspaceReady"),
        (".status.conditions[0].type", "ResourceReady"),
        (".status.conditions[-1].type", "WorkspaceReady"),
        (".status.conditions[9].type", ""),
        (".status.nodes[*]", "n1,n2"),
        (".status.nodes", '["n1","n2"]'),
        (".status.count", "3"),
        (".status.done", "true"),
        (".status.nothing", ""),
        (".status.missing.deeper", ""),
        (r".metadata.annotations.example\.com/x", "noted"),
        (".metadata.annotations['example.com/x']", "noted"),
    ],
)
def test_paths_find_what_kubectl_finds(path: str, text: str) -> None:
    assert find_text(path, DOCUMENT) == text


@pytest.mark.parametrize("path", [".a[", ".a[?(@.b>1)]", "..a", ".a[1:2]"])
def test_what_is_not_understood_is_an_error_and_an_empty_cell(path: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        parse(path)
    assert find_text(path, DOCUMENT) == ""
