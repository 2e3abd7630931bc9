"""The transformers runtime, which batches, beside the same server answering one at a time.

    .venv/bin/python benchmarks/transformers_batching.py [--rounds 4]

Both run at once and are measured in turn. One at a time is what `transformers serve` does unless
told otherwise, and what KAITO 0.12's own transformers server does.
"""

import argparse
import tempfile

from _engines import free_port, measure, our_command, put_weights, running
from _report import print_figure, print_machine
from kaito.cli.bench.figures import LevelFigures
from kaito.cli.bench.plan import Level, Load

CONCURRENCY = 8
RUNTIME = "--runtime=transformers"
ONE_AT_A_TIME = "--engine-option=continuous-batching=false"
NO_LIMIT = "--max-waiting=-1"
"""A server that is asked eight times at once and answers one would send some away."""


def main() -> None:
    """Print the machine, then each figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--output-tokens", type=int, default=48)
    options = parser.parse_args()
    print_machine("kaito", "transformers", "torch")
    level = Level(concurrency=CONCURRENCY, rounds=1, requests=CONCURRENCY)
    batched: list[float] = []
    single: list[float] = []
    ours, other = free_port(), free_port()
    with (
        tempfile.TemporaryDirectory() as root,
        running(our_command(model := put_weights(root), ours, RUNTIME, NO_LIMIT), ours),
        running(our_command(model, other, RUNTIME, ONE_AT_A_TIME, NO_LIMIT), other),
    ):
        for number in range(options.rounds):
            load = Load(input_tokens=64, output_tokens=options.output_tokens, seed=number)
            batched.append(rate(measure(ours, level, load)))
            single.append(rate(measure(other, level, load)))
    at = f"concurrency {CONCURRENCY}"
    print_figure(f"one at a time, {at}", single, unit="tokens/s")
    print_figure(f"continuous batching, {at}", batched, unit="tokens/s")
    ratios = [one / other for one, other in zip(batched, single, strict=True)]
    print_figure("batching over one at a time", ratios, unit="times", target="at least 4")


def rate(figures: LevelFigures) -> float:
    """Output tokens a second."""
    return figures.output_tokens_per_second.median


if __name__ == "__main__":
    main()
