"""What stands before the engine costs a request: microseconds of a processor, and nothing else.

    .venv/bin/python benchmarks/gate.py [--runs 9] [--requests 2000]

Against an engine the cost is lost in the engine's own noise (see serving_overhead.py). Here the
engine is an application that answers at once with a stream of 48 pieces; it is asked without a
socket, alone and behind our gate with keys, limits and counters, in turn.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from _report import print_figure, print_machine
from kaito.base.clock import SystemClock
from kaito.runtimes.reporting import Board
from kaito.runtimes.serving.draining import Draining
from kaito.runtimes.serving.gate import Engine, Gate, Protection
from kaito.runtimes.serving.inner import Application, Message, Receive
from kaito.runtimes.serving.key_ring import KeyRing
from kaito.runtimes.serving.overload import Capacity, Overload
from kaito.runtimes.serving.routes import Readiness
from kaito.runtimes.serving.server_metrics import ServerMetrics

KEY = "sk-measured"
BODY = b'{"model": "m", "stream": true, "prompt": "%s"}' % (b"word " * 100)
SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/v1/completions",
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(BODY)).encode()),
        (b"authorization", b"Bearer " + KEY.encode()),
    ],
}
PIECES = 48


def main() -> None:
    """Print the machine, then the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--requests", type=int, default=2000)
    options = parser.parse_args()
    print_machine("kaito", "msgspec")
    with tempfile.TemporaryDirectory() as keys:
        (Path(keys) / "one").write_text(KEY)
        asyncio.run(compare(make_gate(Path(keys)), options.runs, options.requests))


def make_gate(keys: Path) -> Gate:
    """A gate with all that a protected pod has."""
    clock = SystemClock()
    board, metrics = Board("serving", clock), ServerMetrics(CollectorRegistry())
    overload = Overload(Capacity(running=64, waiting=1000), clock)
    protection = Protection(
        overload=overload, draining=Draining(clock), metrics=metrics, keys=KeyRing(keys, clock)
    )
    metrics.show(lambda: board.report, lambda: overload.in_flight)
    engine = Engine(
        app=answer, readiness=Readiness(answer, "m"), names=lambda: ("m", "adapter"), version="1"
    )
    return Gate(engine, board, protection)


async def compare(gate: Application, runs: int, requests: int) -> None:
    """Both in turn, each run as many requests."""
    bare, ours = [], []
    for _ in range(runs):
        bare.append(await microseconds(answer, requests))
        ours.append(await microseconds(gate, requests))
    print_figure("the application alone, a request", bare, unit="us")
    print_figure("behind the gate, a request", ours, unit="us")
    more = [one - other for one, other in zip(ours, bare, strict=True)]
    print_figure("the gate's own", more, unit="us", target="under 1000")


async def microseconds(app: Application, requests: int) -> float:
    """Of processor time, for one request."""
    started = time.process_time()
    for _ in range(requests):
        await app(dict(SCOPE), make_receive(), swallow)
    return (time.process_time() - started) / requests * 1e6


async def answer(_scope: Any, receive: Receive, send: Any) -> None:
    """An engine that has its answer ready."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(PIECES):
        more = number + 1 < PIECES
        await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": more})


def make_receive() -> Receive:
    """What a request's body comes by."""
    inbox: list[Message] = [{"type": "http.request", "body": BODY, "more_body": False}]

    async def receive() -> Message:
        return inbox.pop()

    return receive


async def swallow(_message: Message) -> None:
    """A client that takes everything at once."""


if __name__ == "__main__":
    main()
