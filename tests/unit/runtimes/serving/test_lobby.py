"""The early answers on a real socket, and the connections when the server takes over."""

import asyncio
import socket
import threading

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from kaito.base.clock import SystemClock
from kaito.runtimes.ending import Ending
from kaito.runtimes.reporting import Board
from kaito.runtimes.serving.lobby import Lobby, open_socket
from kaito.runtimes.serving.server_metrics import ServerMetrics


def ask(port: int, path: str) -> tuple[int, str, bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(f"GET {path}?x=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while part := client.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode().lower(), body


def test_before_the_engine_is_there_everything_gets_an_answer() -> None:
    sock = open_socket("127.0.0.1", 0)
    port = sock.getsockname()[1]
    board = Board("serving", SystemClock())
    board.start_stage("load")
    lobby = Lobby(sock, board, ServerMetrics(CollectorRegistry()))
    lobby.open()
    try:
        assert ask(port, "/health")[0] == 200
        status, _, body = ask(port, "/ready")
        assert (status, b"load for" in body) == (503, True)
        assert msgspec.json.decode(ask(port, "/kaito/report")[2])["stages"][0]["name"] == "load"
        status, head, body = ask(port, "/v1/models")
        assert (status, "retry-after: 5" in head) == (503, True)
        assert msgspec.json.decode(body)["error"]["code"] == "model_loading"
        metrics = ask(port, "/metrics")[2]
        # Sent away once, and no probe or scrape counts as a request.
        assert b"kaito_requests_received_total 1.0\n" in metrics
        assert b'kaito_requests_refused_total{reason="loading"} 1.0\n' in metrics
    finally:
        lobby.close()
        sock.close()


async def test_no_connection_is_lost_when_the_server_takes_over() -> None:
    sock = open_socket("127.0.0.1", 0)
    port = sock.getsockname()[1]
    lobby = Lobby(sock, Board("serving", SystemClock()))
    lobby.open()
    statuses: list[int] = []
    early, late = threading.Event(), threading.Event()

    def hammer() -> None:
        while statuses.count(204) < 20:
            statuses.append(ask(port, "/health")[0])
            if len(statuses) == 20:
                early.set()
        late.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 OK\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    hammering = asyncio.create_task(asyncio.to_thread(hammer))
    assert await asyncio.to_thread(early.wait, 20)
    await asyncio.to_thread(lobby.close)
    server = await asyncio.start_server(serve, sock=sock)
    assert await asyncio.to_thread(late.wait, 20)
    await hammering  # raises where a connection was refused or reset
    server.close()
    assert set(statuses) == {200, 204}
    assert statuses == sorted(statuses)


def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with open_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Ending, match=f"cannot listen on 127.0.0.1, port {port}: Address"):
            open_socket("127.0.0.1", port)
