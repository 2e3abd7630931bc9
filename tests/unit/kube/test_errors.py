"""Which error an answer stands for."""

import pytest

from kaito.kube import errors


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"{}", errors.Invalid),
        (401, b"{}", errors.Denied),
        (403, b"{}", errors.Denied),
        (404, b"{}", errors.NotFound),
        (409, b'{"reason":"Conflict"}', errors.Conflict),
        (409, b'{"reason":"AlreadyExists"}', errors.AlreadyExists),
        (410, b"{}", errors.Gone),
        (422, b"{}", errors.Invalid),
        (429, b"{}", errors.TooManyRequests),
        (500, b"{}", errors.Unavailable),
        (503, b"not json", errors.Unavailable),
        (418, b"{}", errors.ApiError),
    ],
)
def test_a_status_and_its_reason_name_the_error(
    status: int, body: bytes, kind: type[errors.ApiError]
) -> None:
    found = errors.to_error(status, body, where="GET /x")

    assert type(found) is kind
    assert found.status == status


def test_the_servers_words_are_kept() -> None:
    body = b'{"message":"pods \\"a\\" not found","reason":"NotFound"}'

    assert str(errors.to_error(404, body, where="GET /x")) == 'pods "a" not found'


def test_a_model_servers_words_are_kept_through_the_proxy() -> None:
    body = b'{"error": {"message": "The model `x` does not exist; served: phi", "code": 404}}'
    assert "served: phi" in str(errors.to_error(404, body, where="POST /chat"))


def test_an_answer_that_says_nothing_is_named_by_its_request() -> None:
    assert str(errors.to_error(502, b"Bad Gateway\n", where="GET /x")) == (
        "GET /x: HTTP 502 Bad Gateway"
    )


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("", 0.0), ("tomorrow", 0.0)])
def test_the_pause_that_a_server_asks_for_is_known(header: str, seconds: float) -> None:
    assert errors.to_error(429, b"{}", where="x", retry_after=header).retry_after == seconds
