"""Columns as they are printed."""

from kaito.cli.output import render_rows


def test_columns_are_aligned_three_apart_and_at_least_six_wide() -> None:
    assert render_rows(["name", "x", "message"], [["long-name", "1", "a\nb"], ["b", "", ""]]) == (
        "NAME        X     MESSAGE\nlong-name   1     a b\nb"
    )
