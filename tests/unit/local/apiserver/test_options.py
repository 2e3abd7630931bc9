"""Query parameters and delete options."""

import pytest

from kaito.local.apiserver.errors import StatusError
from kaito.local.apiserver.options import (
    parse_delete_options,
    parse_list_options,
    parse_write_options,
)


def test_the_manager_is_the_program_where_none_is_given() -> None:
    assert parse_write_options({}, "kubectl/v1.34 (linux)").manager == "kubectl"
    assert parse_write_options({"fieldManager": "me"}, "kubectl/v1.34").manager == "me"
    assert parse_write_options({}, "").manager == "unknown"


def test_writes_warn_of_unknown_fields_unless_told_otherwise() -> None:
    assert parse_write_options({}, "x").validation == "Warn"
    assert parse_write_options({"fieldValidation": "Strict"}, "x").validation == "Strict"


@pytest.mark.parametrize(
    "query", [{"fieldValidation": "Maybe"}, {"dryRun": "Some"}, {"fieldManager": "x" * 129}]
)
def test_bad_write_options_are_refused(query: dict[str, str]) -> None:
    with pytest.raises(StatusError) as raised:
        parse_write_options(query, "x")
    assert raised.value.code == 400


def test_the_body_of_a_deletion_wins_over_its_query() -> None:
    options = parse_delete_options(
        {"gracePeriodSeconds": "30", "propagationPolicy": "Orphan"},
        {"gracePeriodSeconds": 0, "preconditions": {"uid": "u"}, "dryRun": ["All"]},
    )
    assert options.grace_seconds == 0
    assert options.propagation == "Orphan"
    assert options.uid == "u"
    assert options.dry_run


def test_orphan_dependents_is_the_old_word_for_a_policy() -> None:
    assert parse_delete_options({}, {"orphanDependents": True}).propagation == "Orphan"


@pytest.mark.parametrize(
    "body", [{"propagationPolicy": "Sideways"}, {"gracePeriodSeconds": -5}, {"dryRun": ["Some"]}]
)
def test_bad_delete_options_are_refused(body: dict[str, object]) -> None:
    with pytest.raises(StatusError):
        parse_delete_options({}, body)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("1", True), ("true", True), ("", True), ("0", False), ("false", False), ("False", False)],
)
def test_booleans_are_read_as_go_reads_them(text: str, meant: bool) -> None:
    assert parse_list_options({"watch": text}).watch is meant
