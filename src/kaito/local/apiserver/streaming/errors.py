"""What the streaming subresources refuse, in Kubernetes' own words.

    KaitoError
    +-- StreamError       answered as a metav1.Status with its HTTP code and reason

The sentences are those a kubelet and kube-apiserver answer with, because people and scripts search
for them. Nothing here looks at a pod: whoever does (the node agent) picks the constructor.
"""

from collections.abc import Sequence

from kaito.base.errors import KaitoError


class StreamError(KaitoError):
    """A stream that cannot be opened: HTTP `status`, CamelCase `reason`, one line of message."""

    def __init__(self, status: int, reason: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.message = message


def bad_request(message: str) -> StreamError:
    """The request cannot be served as asked (400)."""
    return StreamError(400, "BadRequest", message)


def pod_not_found(pod: str) -> StreamError:
    """No such pod (404)."""
    return StreamError(404, "NotFound", f'pods "{pod}" not found')


def pod_not_scheduled(pod: str) -> StreamError:
    """The pod has no node yet, so nobody can open a stream to it (400)."""
    return bad_request(f"pod {pod} does not have a host assigned")


def container_required(pod: str, containers: Sequence[str]) -> StreamError:
    """No container was named and the pod has several (400)."""
    names = " ".join(containers)
    return bad_request(
        f"a container name must be specified for pod {pod}, choose one of: [{names}]"
    )


def container_unknown(container: str, pod: str) -> StreamError:
    """The pod's spec has no container of that name (400)."""
    return bad_request(f"container {container} is not valid for pod {pod}")


def container_waiting(container: str, pod: str, reason: str = "ContainerCreating") -> StreamError:
    """Logs of a container that never ran; `reason` is its `state.waiting.reason` (400)."""
    return bad_request(f'container "{container}" in pod "{pod}" is waiting to start: {reason}')


def container_not_running(container: str) -> StreamError:
    """Exec or attach while the container has no process (404)."""
    return StreamError(404, "NotFound", f'container not found ("{container}")')


def previous_not_found(container: str, pod: str) -> StreamError:
    """`logs --previous` of a container that never restarted (400)."""
    return bad_request(f'previous terminated container "{container}" in pod "{pod}" not found')


def command_not_started(message: str) -> StreamError:
    """The command of an exec could not be started: not found, not executable (500)."""
    return StreamError(
        500,
        "InternalError",
        f"Internal error occurred: error executing command in container: {message}",
    )


def port_refused(port: int, pod: str, cause: str) -> StreamError:
    """Nothing accepts connections on that port of the pod (500); sent on the error stream."""
    return StreamError(500, "InternalError", f"error forwarding port {port} to pod {pod}: {cause}")
