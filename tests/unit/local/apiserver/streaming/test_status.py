"""The Status that ends a stream or refuses one."""

import json

from kaito.local.apiserver.streaming import errors, status


def test_exit_code_zero_is_success() -> None:
    assert status.exit_status(0) == {"metadata": {}, "status": "Success"}


def test_another_exit_code_is_a_cause_that_clients_read() -> None:
    outcome = status.exit_status(42)
    assert outcome["reason"] == "NonZeroExitCode"
    assert outcome["details"]["causes"] == [{"reason": "ExitCode", "message": "42"}]


def test_a_refusal_is_a_whole_status_object_and_ends_the_connection() -> None:
    response = status.to_response(errors.container_waiting("main", "web"))
    assert isinstance(response.body, bytes)
    body = json.loads(response.body)
    assert response.status == body["code"] == 400
    assert (body["kind"], body["apiVersion"], body["reason"]) == ("Status", "v1", "BadRequest")
    assert body["message"] == (
        'container "main" in pod "web" is waiting to start: ContainerCreating'
    )
    assert response.keep_alive is False


def test_a_hint_follows_the_message() -> None:
    error = errors.StreamError(400, "BadRequest", "no such image", hint="name another")
    assert status.failure_status(error)["message"] == "no such image; name another"
