"""What was begun last: remembered in one step, and nothing where nobody knows."""

from pathlib import Path

from kaito.bucket.begun import Begun, read_begun, write_begun

BEGUN = Begun(upload="u", target="s3://b/k", sha256="0" * 64, part_bytes=1)


def test_the_last_upload_is_remembered(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    write_begun(journal, Begun(upload="t", target="s3://b/k", sha256="1" * 64, part_bytes=1))
    write_begun(journal, BEGUN)
    assert read_begun(journal) == BEGUN
    assert list(tmp_path.iterdir()) == [journal]


def test_where_nothing_can_be_read_or_written_nothing_is_known(tmp_path: Path) -> None:
    write_begun(tmp_path / "none" / "journal", BEGUN)
    assert read_begun(tmp_path / "none" / "journal") is None
    (tmp_path / "cut").write_bytes(b'{"upload": "u"')
    assert read_begun(tmp_path / "cut") is None
    write_begun(None, BEGUN)
    assert read_begun(None) is None
