"""Reading logs: parts of lines, ends, and files that are rotated under the reader."""

from pathlib import Path

import pytest

from kaito.local.node.cri_log import LineRenderer, LogCursor, read_tail

TIME = "2026-01-01T00:00:00.000000000Z"


def write(path: Path, *lines: str, tag: str = "F") -> None:
    with path.open("a") as file:
        file.writelines(f"{TIME} stdout {tag} {line}\n" for line in lines)


def rotate(log: Path) -> None:
    older = log.with_name("log.1")
    if older.exists():
        older.rename(log.with_name("log.2"))
    log.rename(older)


def read_all(cursor: LogCursor) -> bytes:
    pieces, renderer = [], LineRenderer()
    while found := cursor.read():
        pieces.append(renderer.render(found))
    return b"".join(pieces)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_a_reader_that_comes_back_gets_only_what_is_new(log: Path) -> None:
    write(log, "one")
    with LogCursor(log) as cursor:
        assert read_all(cursor) == b"one\n"
        assert read_all(cursor) == b""
        write(log, "two")
        assert read_all(cursor) == b"two\n"


def test_a_log_that_does_not_exist_yet_is_empty_until_it_does(log: Path) -> None:
    with LogCursor(log) as cursor:
        assert read_all(cursor) == b""
        write(log, "one")
        assert read_all(cursor) == b"one\n"


def test_rotated_files_are_read_oldest_first(log: Path) -> None:
    for line in ("one", "two", "three"):
        if log.exists():
            rotate(log)
        write(log, line)
    with LogCursor(log) as cursor:
        assert read_all(cursor) == b"one\ntwo\nthree\n"


def test_a_rotation_under_the_reader_loses_nothing(log: Path) -> None:
    write(log, "one")
    with LogCursor(log) as cursor:
        assert read_all(cursor) == b"one\n"
        write(log, "two")
        rotate(log)
        write(log, "three")
        rotate(log)
        write(log, "four")
        assert read_all(cursor) == b"two\nthree\nfour\n"


@pytest.mark.parametrize(
    ("tail", "wanted"), [(0, b""), (1, b"five\n"), (3, b"three\nfour\nfive\n"), (99, None)]
)
def test_the_last_lines_are_found_across_files(log: Path, tail: int, wanted: bytes | None) -> None:
    write(log, "one", "two", "three")
    rotate(log)
    write(log, "four", "five")
    with LogCursor(log, tail=tail) as cursor:
        assert read_all(cursor) == (b"one\ntwo\nthree\nfour\nfive\n" if wanted is None else wanted)
        write(log, "six")
        assert read_all(cursor) == b"six\n"


def test_the_end_of_a_large_log_is_found_from_behind(log: Path) -> None:
    write(log, *(f"{number:>500}" for number in range(3000)))
    assert [int(line) for line in read_tail(log, 3).splitlines()] == [2997, 2998, 2999]


def test_parts_of_a_line_have_one_time(log: Path) -> None:
    write(log, "be", tag="P")
    write(log, "gin", "next")
    with LogCursor(log) as cursor:
        entries = cursor.read()
    assert LineRenderer(timestamps=True).render(entries).decode() == (
        f"{TIME} begin\n{TIME} next\n"
    )


def test_a_line_that_is_still_being_written_waits(log: Path) -> None:
    log.write_text(f"{TIME} stdout F who")
    with LogCursor(log) as cursor:
        assert read_all(cursor) == b""
        with log.open("a") as file:
            file.write("le\n")
        assert read_all(cursor) == b"whole\n"
