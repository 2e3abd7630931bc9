"""What the user asks of a plan on the command line.

Options that the engine has too carry its names and are read as the engine reads them.
"""

import argparse
from dataclasses import fields, replace
from typing import Any

from kaito.base.errors import UsageError
from kaito.cli.tokens import parse_tokens
from kaito.planner.demand import demand_of
from kaito.planner.plan import Demand

_RUNTIMES = ("vllm", "transformers")
_ENGINE_OPTIONS = {
    "max-model-len": ("N", "as --context, read as the engine does: 32k is 32000, 32K 32768"),
    "tensor-parallel-size": ("N", "GPUs that share every layer"),
    "pipeline-parallel-size": ("N", "groups of GPUs that the layers are spread over"),
    "data-parallel-size": ("N", "copies of the model"),
    "max-num-seqs": ("N", "most sequences in one step"),
    "max-num-batched-tokens": ("N", "most tokens in one step"),
    "gpu-memory-utilization": ("SHARE", "of a GPU's memory that the engine may take, as 0.9"),
    "kv-cache-dtype": ("TYPE", "such as fp8; the model's own unless given"),
}


def add_demand_options(parser: argparse.ArgumentParser) -> None:
    """The options that replace a choice of the planner; every one is left to it unless given."""
    parser.add_argument(
        "--context",
        default="",
        metavar="N",
        help="longest sequence to accept: 32768 or 32k tokens; as much as fits unless given",
    )
    parser.add_argument(
        "--concurrency", default="", metavar="N", help="sequences of that length to hold at once"
    )
    parser.add_argument(
        "--runtime",
        choices=_RUNTIMES,
        default="",
        help=f"{' or '.join(_RUNTIMES)}; what the machine allows unless given",
    )
    for name, (value, meaning) in _ENGINE_OPTIONS.items():
        parser.add_argument(f"--{name}", metavar=value, help=meaning)
    parser.add_argument("--enforce-eager", action="store_true", help="no CUDA graphs")


def read_demand(arguments: argparse.Namespace) -> Demand:
    """The demand; `UsageError` where a value is none."""
    options = {name: getattr(arguments, name.replace("-", "_")) for name in _ENGINE_OPTIONS}
    try:
        demand = demand_of(arguments.runtime, {k: v for k, v in options.items() if v is not None})
    except ValueError as error:
        raise UsageError(f"--{error}", hint="see `kaito plan --help`") from error
    context, concurrency = arguments.context, arguments.concurrency
    return replace(
        demand,
        context_tokens=parse_tokens(context, "--context") if context else demand.context_tokens,
        concurrency=_parse_count(concurrency, "--concurrency") if concurrency else 0,
        enforce_eager=arguments.enforce_eager,
    )


def merge_demands(below: Demand, above: Demand) -> Demand:
    """Both together; what `above` asks for counts before what `below` does."""
    asked: dict[str, Any] = {f.name: getattr(above, f.name) for f in fields(Demand)}
    return replace(below, **{name: value for name, value in asked.items() if value})


def _parse_count(text: str, option: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0:
        return int(text)
    raise UsageError(
        f"{option} {text!r} is not a whole number above 0", hint=f"for example {option} 4"
    )
