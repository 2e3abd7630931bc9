"""YAML as Kubernetes' tools read it, with the place of every mistake."""

from pathlib import Path

import pytest

from kaito.base.errors import KaitoError, UsageError
from kaito.cli.manifests import parse_documents, read_documents

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"


def test_every_document_knows_the_line_it_starts_at() -> None:
    text = f"# first\n{POD}---\n# nothing but a remark\n---\n{POD}"
    assert [document.where for document in parse_documents(text, "x.yaml")] == [
        "x.yaml:2",
        "x.yaml:8",
    ]


def test_lists_are_opened() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n"
    )
    (document,) = parse_documents(text, "x")
    assert (document.name, document.manifest["kind"]) == ("a", "Pod")


def test_json_is_yaml() -> None:
    (document,) = parse_documents('{"apiVersion": "v1", "kind": "Pod"}', "x")
    assert document.name == ""


def test_values_are_read_as_kubernetes_reads_them() -> None:
    text = f"{POD}data: {{80: x, true: y, when: 2026-01-01T00:00:00Z, day: 2026-01-01, big: 1e3}}"
    (document,) = parse_documents(text, "x")
    assert document.manifest["data"] == {
        "80": "x",
        "true": "y",
        "when": "2026-01-01T00:00:00Z",
        "day": "2026-01-01",
        "big": "1e3",
    }


def test_anchors_and_merges_work() -> None:
    text = f"{POD}a: &a {{x: 1, y: 2}}\nb:\n  <<: *a\n  y: 3\n"
    (document,) = parse_documents(text, "x")
    assert document.manifest["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b\n c: d\n", "x:2: YAML: mapping values are not allowed here"),
        (f"{POD}kind: Job\n", "x:4: YAML: key 'kind' is given twice"),
        ("a: [b\n", "x:2: YAML: expected ',' or ']'"),
        ("a: *b\n", "x:1: YAML: found undefined alias 'b'"),
        ("a: !!python/object:os.system {}\n", "x:1: YAML: could not determine a constructor"),
        ("- a\n", "x:1: is not an object"),
        ("\n\nkind: Pod\n", "x:3: apiVersion is missing"),
        ("apiVersion: v1\nkind: [Pod]\n", "x:1: kind is missing"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_documents(text, "x")
    assert str(raised.value).startswith(said)
    assert raised.value.hint


def test_a_folder_gives_its_files_in_order_and_those_below_only_when_asked(
    tmp_path: Path,
) -> None:
    (tmp_path / "below").mkdir()
    for name in ("b.yaml", "a.yml", "c.json", "below/d.yaml", "readme.md"):
        (tmp_path / name).write_text('{"apiVersion": "v1", "kind": "Pod"}')

    def files(*, recursive: bool) -> list[str]:
        found = read_documents([str(tmp_path)], recursive=recursive)
        return [Path(one.where.partition(":")[0]).name for one in found]

    assert files(recursive=False) == ["a.yml", "b.yaml", "c.json"]
    assert files(recursive=True) == ["a.yml", "b.yaml", "d.yaml", "c.json"]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "blank.yaml").write_text("# nothing\n")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for name, said in (
        ("missing.yaml", "does not exist"),
        ("empty", "has no .yaml"),
        ("blank.yaml", "no objects in"),
        ("binary.yaml", "is not text"),
    ):
        with pytest.raises(KaitoError, match=said):
            read_documents([str(tmp_path / name)])
