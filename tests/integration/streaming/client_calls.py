"""What the tests have the official Python client do, as a program: NAME [ARGUMENT...] -> JSON.

A process of its own, because the client is synchronous and leaves sockets to the garbage collector.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from kubernetes import client, config
from kubernetes.client.rest import ApiException
from kubernetes.stream import portforward, stream

POD = ("web", "default")
PATIENCE = 60
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n"


def get_output(api: Any) -> object:
    """Both outputs of a command, in one call."""
    return stream(
        api.connect_get_namespaced_pod_exec,
        *POD,
        command=["sh", "-c", "echo out; echo err >&2"],
        stdout=True,
        stderr=True,
        stdin=False,
        tty=False,
    )


def talk(api: Any) -> object:
    """A line there, a line back, and the exit code."""
    session = _open_exec(api, "read a; echo you said $a; read b; exit 9", tty=False)
    session.write_stdin("hello\n")
    line = session.readline_stdout(timeout=PATIENCE)
    session.write_stdin("bye\n")
    session.run_forever(timeout=PATIENCE)
    return line, session.returncode


def resize(api: Any) -> object:
    """The size that a command sees after the client has set it."""
    session = _open_exec(api, "stty -echo; read go; stty size", tty=True)
    session.write_channel(4, json.dumps({"Width": 77, "Height": 22}))
    session.write_stdin("go\n")
    session.run_forever(timeout=PATIENCE)
    return session.read_stdout(timeout=0).split()[-2:]


def get_refusal(api: Any) -> object:
    """The reason of the exception that a wrong container causes."""
    call = api.connect_get_namespaced_pod_exec
    try:
        return stream(call, *POD, container="x", command=["id"], stdout=True)
    except ApiException as error:
        return error.reason


def abandon(api: Any) -> object:
    """Start a command that takes long, and close the session."""
    _open_exec(api, "sleep 1000", tty=False).close()
    return None


def forward(api: Any, echo_port: str, http_port: str) -> object:
    """Whether both ports answered with what they should."""
    ports = portforward(
        api.connect_get_namespaced_pod_portforward, *POD, ports=f"{echo_port},{http_port}"
    )
    first, second = ports.socket(int(echo_port)), ports.socket(int(http_port))
    first.setblocking(True)
    second.setblocking(True)
    first.sendall(b"x" * 1_000_000)
    echoed = _receive(first, 1_000_000)
    second.sendall(b"GET /3 HTTP/1.1\r\n\r\n")
    pattern = b"".join(n.to_bytes(4, "big") for n in range(1024 * 1024 // 4))
    # A port's end cannot be told while another is open, so the size has to be known.
    answer = _receive(second, len(HEAD) + 3 * len(pattern))
    return echoed == b"x" * 1_000_000, answer == HEAD + pattern * 3


def get_port_error(api: Any, port: str) -> object:
    """What is received from a port nobody listens on, and its error."""
    ports = portforward(api.connect_get_namespaced_pod_portforward, *POD, ports=port)
    socket = ports.socket(int(port))
    socket.setblocking(True)
    rest = socket.recv(1)
    return rest.decode(), ports.error(int(port))


def _open_exec(api: Any, script: str, *, tty: bool) -> Any:
    return stream(
        api.connect_get_namespaced_pod_exec,
        *POD,
        command=["sh", "-c", script],
        stdin=True,
        stdout=True,
        stderr=True,
        tty=tty,
        _preload_content=False,
    )


def _receive(socket: Any, most: int) -> bytes:
    data = b""
    while len(data) < most and (piece := socket.recv(65536)):
        data += piece
    return data


CALLS: dict[str, Callable[..., object]] = {
    call.__name__: call
    for call in (get_output, talk, resize, get_refusal, abandon, forward, get_port_error)
}

if __name__ == "__main__":
    config.load_kube_config()
    json.dump(CALLS[sys.argv[1]](client.CoreV1Api(), *sys.argv[2:]), sys.stdout)
