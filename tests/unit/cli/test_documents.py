"""Documents as they are printed."""

import json

from kaito.cli.documents import to_text, without_managed_fields

DOCUMENT = {"b": {"text": "one\ntwo\n", "version": "6"}, "a": [1, "x"]}


def test_json_is_indented_and_ends_its_line() -> None:
    text = to_text(DOCUMENT, "json")
    assert json.loads(text) == DOCUMENT
    assert text.startswith('{\n    "b"')
    assert text.endswith("}\n")


def test_yaml_is_sorted_with_blocks_and_double_quotes() -> None:
    assert to_text(DOCUMENT, "yaml") == (
        'a:\n- 1\n- x\nb:\n  text: |\n    one\n    two\n  version: "6"\n'
    )


def test_managed_fields_are_not_shown() -> None:
    manifest = {"kind": "Pod", "metadata": {"name": "a", "managedFields": [{}]}}
    assert without_managed_fields(manifest) == {"kind": "Pod", "metadata": {"name": "a"}}
    assert without_managed_fields({"kind": "List"}) == {"kind": "List"}
