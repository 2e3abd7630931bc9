"""metav1.Status: how a stream reports its end, and how a refusal is answered."""

import msgspec
from aiohttp import web

from kaito.api.meta import Manifest
from kaito.local.apiserver.streaming.errors import StreamError

SUCCESS: Manifest = {"metadata": {}, "status": "Success"}


def exit_status(code: int) -> Manifest:
    """The end of an exec: Success for 0, else NonZeroExitCode with the code as a cause (0-255)."""
    if code == 0:
        return SUCCESS
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code & 0xFF)}]},
    }


def failure_status(error: StreamError) -> Manifest:
    """A refusal."""
    message = f"{error.message}; {error.hint}" if error.hint else error.message
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": error.reason,
        "code": error.status,
    }


def encode(status: Manifest) -> bytes:
    """The status as JSON."""
    return msgspec.json.encode(status)


def to_response(error: StreamError) -> web.Response:
    """The HTTP answer to a stream that cannot be opened."""
    response = web.Response(
        status=error.status,
        body=encode(failure_status(error)),
        content_type="application/json",
    )
    # What a client has sent behind a refused upgrade is not HTTP.
    response.force_close()
    return response
