"""What a server has before its engine: the socket, the early answers, the report, the counters."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kaito.api.runtime import ServingArguments
from kaito.base.clock import Clock, SystemClock
from kaito.runtimes.reporting import Board
from kaito.runtimes.serving.config import Options
from kaito.runtimes.serving.lobby import Lobby, open_socket
from kaito.runtimes.serving.server_metrics import ServerMetrics


@dataclass(slots=True, kw_only=True)
class Door:
    """Open from the first second on. What differs from the values below is the engine's to say."""

    host: str
    clock: Clock
    board: Board
    metrics: ServerMetrics
    sock: socket.socket
    lobby: Lobby | None

    def end_lobby(self) -> socket.socket:
        """The socket, now served by nobody."""
        if self.lobby is not None:
            self.lobby.close()
            self.lobby = None
        return self.sock


@contextmanager
def open_door(arguments: ServingArguments, host: str, options: Options) -> Iterator[Door]:
    """Listen, and answer what can be answered without an engine."""
    clock = SystemClock()
    board, metrics = Board("serving", clock), ServerMetrics()
    sock = open_socket(host, arguments.port)
    lobby = None
    # With TLS of the engine's own, an answer in plain text would be a broken one.
    if not any(name.lstrip("-").replace("_", "-").startswith("ssl-") for name in options):
        lobby = Lobby(sock, board, metrics)
        lobby.open()
    door = Door(host=host, clock=clock, board=board, metrics=metrics, sock=sock, lobby=lobby)
    _warn_of_keys(arguments, board)
    try:
        yield door
    finally:
        door.end_lobby()
        sock.close()


def _warn_of_keys(arguments: ServingArguments, board: Board) -> None:
    folder = arguments.keys_folder
    if folder and not Path(folder).is_dir():
        board.warn(f"there are no API keys in {folder}: every request is refused until there are")
