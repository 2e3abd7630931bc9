"""A container's last words."""

from pathlib import Path

from kaito.local.node.termination import read_message

TIME = "2026-01-01T00:00:00.000000000Z"


def test_the_end_of_a_long_message_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_text("x" * 5000 + "the end")
    said = read_message(file, None)
    assert len(said) == 4096
    assert said.endswith("the end")


def test_the_log_speaks_only_where_the_file_is_silent(tmp_path: Path) -> None:
    file, log = tmp_path / "message", tmp_path / "log"
    log.write_text("".join(f"{TIME} stdout F line {number}\n" for number in range(200)))
    said = read_message(file, log)
    assert said.startswith("line 120\n")
    assert said.endswith("line 199\n")
    assert read_message(file, None) == ""
    file.write_text("spoken")
    assert read_message(file, log) == "spoken"


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_bytes(b"\xff\xfe ok")
    assert read_message(file, None).endswith(" ok")
