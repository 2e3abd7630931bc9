"""Arguments of the verbs that run a process in a cluster. Must stay cheap to import."""

import argparse

from kaito.base.errors import UsageError

_TRUE = ("true", "1", "t")
_FALSE = ("false", "0", "f")


def add_address_options(parser: argparse.ArgumentParser) -> None:
    """Where metrics and probes are served."""
    text = parser.add_argument
    text("--metrics-bind-address", default=":8080", metavar="ADDR", help="default :8080; 0: none")
    text(
        "--health-probe-bind-address",
        default=":8081",
        metavar="ADDR",
        help="default :8081; 0: none",
    )


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """How the process logs."""
    text = parser.add_argument
    text("--log-format", choices=("json", "text"), default="json", help="default json")
    levels = ("debug", "info", "warning", "error")
    text("--log-level", choices=levels, default="info", help="default info")


def add_switch(parser: argparse.ArgumentParser, name: str, *, help_: str) -> None:
    """A boolean as Go's flag package reads it: `--name`, `--name=true`, `--name=false`."""
    parser.add_argument(name, nargs="?", const="true", default="true", metavar="BOOL", help=help_)


def is_on(flag: str, value: str) -> bool:
    """What a switch says; `UsageError` where it says neither."""
    if value.lower() not in _TRUE + _FALSE:
        raise UsageError(f"{flag}={value!r} is not a boolean", hint="use true or false")
    return value.lower() in _TRUE
