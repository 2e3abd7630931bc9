"""The query strings of the streaming subresources, parsed and validated.

Names and rules are those of v1.PodLogOptions, v1.PodExecOptions and v1.PodPortForwardOptions
(https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/).
"""

from collections.abc import Mapping
from datetime import datetime

from multidict import MultiMapping

from kaito.base.clock import parse_rfc3339
from kaito.local.apiserver.streaming.errors import StreamError, bad_request
from kaito.local.apiserver.streaming.port import ExecRequest, LogRequest


def parse_log_request(query: MultiMapping[str], pod: str) -> LogRequest:
    """The request of `GET pods/{name}/log`; 400 for what is no number, 422 for a wrong one."""
    if query.get("stream", "All") != "All":
        raise _invalid(pod, "stream", query["stream"], 'supported values: "All"')
    since_time = _parse_time(query)
    since_seconds = _parse_integer(query, "sinceSeconds")
    if since_time is not None and since_seconds is not None:
        problem = "at most one of `sinceTime` or `sinceSeconds` may be specified"
        raise _invalid_options(pod, f"Forbidden: {problem}")
    request = LogRequest(
        container=query.get("container", ""),
        follow=_parse_bool(query, "follow"),
        previous=_parse_bool(query, "previous"),
        tail_lines=_parse_integer(query, "tailLines"),
        since_seconds=since_seconds,
        since_time=since_time,
        timestamps=_parse_bool(query, "timestamps"),
        limit_bytes=_parse_integer(query, "limitBytes"),
    )
    _check_log_numbers(request, pod)
    return request


def parse_exec_request(query: MultiMapping[str]) -> ExecRequest:
    """The request of `pods/{name}/exec`; 400 when it names no command or no stream."""
    request = parse_attach_request(query)
    command = tuple(query.getall("command", []))
    if not command:
        raise bad_request("you must specify at least one command for the container")
    return ExecRequest(
        container=request.container,
        command=command,
        stdin=request.stdin,
        stdout=request.stdout,
        stderr=request.stderr,
        tty=request.tty,
    )


def parse_attach_request(query: MultiMapping[str]) -> ExecRequest:
    """The request of `pods/{name}/attach`; 400 when it names no stream."""
    tty = _parse_bool(query, "tty")
    request = ExecRequest(
        container=query.get("container", ""),
        stdin=_parse_bool(query, "stdin"),
        stdout=_parse_bool(query, "stdout"),
        # A terminal has one output; clients ask for stderr with it all the same.
        stderr=_parse_bool(query, "stderr") and not tty,
        tty=tty,
    )
    if not (request.stdin or request.stdout or request.stderr):
        raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
    return request


def parse_ports(query: MultiMapping[str]) -> tuple[int, ...]:
    """The ports of a port-forward over a plain WebSocket: repeated or comma-separated."""
    words = [word for value in query.getall("ports", []) for word in value.split(",")]
    if not words:
        raise bad_request('query parameter "ports" is required')
    return tuple(parse_port(word) for word in words)


def parse_port(text: str) -> int:
    """A TCP port; 400 when the text is none."""
    port = int(text) if text.isascii() and text.isdecimal() else 0
    if not 0 < port < 65536:
        raise bad_request(f"invalid port {text!r}: it must be a number from 1 to 65535")
    return port


def _parse_bool(query: Mapping[str, str], name: str) -> bool:
    # As apimachinery converts query parameters: present and neither "false" nor "0" is true.
    return query.get(name, "false").lower() not in {"false", "0"}


def _parse_integer(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise bad_request(f"invalid {name} {text!r}: it must be a whole number") from None


def _parse_time(query: Mapping[str, str]) -> datetime | None:
    text = query.get("sinceTime", "")
    if not text:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise bad_request(f"invalid sinceTime {text!r}: it must be an RFC 3339 time") from None


def _check_log_numbers(request: LogRequest, pod: str) -> None:
    if request.tail_lines is not None and request.tail_lines < 0:
        problem = "must be greater than or equal to 0"
        raise _invalid(pod, "tailLines", request.tail_lines, problem)
    for name, value in (
        ("sinceSeconds", request.since_seconds),
        ("limitBytes", request.limit_bytes),
    ):
        if value is not None and value < 1:
            raise _invalid(pod, name, value, "must be greater than 0")


def _invalid(pod: str, field: str, value: object, problem: str) -> StreamError:
    return _invalid_options(pod, f"{field}: Invalid value: {value}: {problem}")


def _invalid_options(pod: str, problem: str) -> StreamError:
    return StreamError(422, "Invalid", f'PodLogOptions "{pod}" is invalid: {problem}')
