"""Query strings into requests."""

from datetime import UTC, datetime

import pytest
from multidict import MultiDict
from yarl import URL

from kaito.local.apiserver.streaming import query
from kaito.local.apiserver.streaming.errors import StreamError
from kaito.local.apiserver.streaming.port import ExecRequest, LogRequest


def _parse(text: str) -> MultiDict[str]:
    return MultiDict(URL(f"/?{text}").query)


def test_no_options_is_the_whole_log() -> None:
    assert query.parse_log_request(_parse(""), "web") == LogRequest()


def test_every_log_option_is_read() -> None:
    text = (
        "container=main&follow=true&previous=1&tailLines=0&timestamps=true&limitBytes=7"
        "&sinceTime=2026-01-02T03:04:05Z&pretty=true&insecureSkipTLSVerifyBackend=false"
    )
    assert query.parse_log_request(_parse(text), "web") == LogRequest(
        container="main",
        follow=True,
        previous=True,
        tail_lines=0,
        since_time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        timestamps=True,
        limit_bytes=7,
    )


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("tailLines=-1", 422, 'PodLogOptions "web" is invalid: tailLines: Invalid value: -1'),
        ("sinceSeconds=0", 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ("limitBytes=0", 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        ("sinceSeconds=1&sinceTime=2026-01-02T03:04:05Z", 422, "at most one of"),
        ("stream=Stdout", 422, "stream: Invalid value: Stdout"),
        ("tailLines=many", 400, "invalid tailLines 'many'"),
        ("sinceTime=yesterday", 400, "invalid sinceTime 'yesterday'"),
        ("sinceTime=2026-01-02T03:04:05", 400, "invalid sinceTime"),
    ],
)
def test_wrong_log_options_are_refused(text: str, status: int, words: str) -> None:
    with pytest.raises(StreamError, match=words) as caught:
        query.parse_log_request(_parse(text), "web")
    assert caught.value.status == status


def test_a_command_keeps_its_words_and_their_order() -> None:
    request = query.parse_exec_request(
        _parse("command=sh&command=-c&command=echo%20a+b&stdin=true&stdout=1&stderr=0")
    )
    assert request == ExecRequest(command=("sh", "-c", "echo a b"), stdin=True, stdout=True)


def test_a_terminal_has_no_separate_error_output() -> None:
    request = query.parse_attach_request(_parse("stdout=true&stderr=true&tty=true"))
    assert request == ExecRequest(stdout=True, tty=True)


@pytest.mark.parametrize(
    ("text", "words"), [("stdout=true", "at least one command"), ("command=x", "at least 1 of")]
)
def test_an_exec_without_command_or_stream_is_refused(text: str, words: str) -> None:
    with pytest.raises(StreamError, match=words):
        query.parse_exec_request(_parse(text))


def test_ports_may_be_repeated_or_separated_by_commas() -> None:
    assert query.parse_ports(_parse("ports=80,443&ports=8080")) == (80, 443, 8080)


@pytest.mark.parametrize("text", ["", "ports=", "ports=0", "ports=65536", "ports=x", "ports=8²"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(StreamError) as caught:
        query.parse_ports(_parse(text))
    assert caught.value.status == 400
