"""From words to a verb, and from errors to one line and an exit status.

0 done, 1 an error, 2 the call itself is wrong, 130 interrupted. Must stay cheap to import: the
verb's own module, and argparse with it, come in only once the verb is known.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from kaito.base.errors import KaitoError, UsageError
from kaito.cli.reporting import first_known, report
from kaito.cli.verbs import VERBS, Verb, find_verb, render_help

_VALUED = frozenset(
    {"-n", "--namespace", "--kubeconfig", "--context", "--state-dir", "-o", "--output"}
)
"""Options with a value that people put before the verb, as kubectl allows."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; the exit status."""
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has left; nothing may be flushed into that pipe at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KaitoError, OSError, ExceptionGroup) as error:
        return report(first_known(error))


def _run(words: list[str]) -> int:
    leading, rest = _split_leading(words)
    if (not rest and not leading) or rest[:1] in (["--help"], ["-h"], ["help"]):
        return _help(rest[1:])
    if rest[:1] == ["--version"]:
        rest = ["version"]
    verb = find_verb(rest)
    if verb is None:
        return _without_verb(rest)
    return _run_verb(verb, [*leading, *rest[len(verb.name.split()) :]])


def _run_verb(verb: Verb, words: list[str]) -> int:
    from kaito.cli.arguments import make_parser

    module = import_module(verb.module)
    parser = make_parser(verb)
    module.configure(parser)
    status: int = module.run(parser.parse_intermixed_args(words))
    return status


def _help(words: list[str]) -> int:
    verb = find_verb(words)
    if verb is not None:
        return _run_verb(verb, ["--help"])
    print(render_help())
    return 0


def _without_verb(words: list[str]) -> int:
    """The first word of a pair such as `models`, or no verb at all."""
    word, more = words[0] if words else "", words[1:]
    pair = [verb.name.split()[1] for verb in VERBS if verb.name.startswith(f"{word} ")]
    if pair and (not more or more[0] in ("--help", "-h")):
        print(render_help(word))
        return 0 if more else 2
    from kaito.base.suggest import did_you_mean

    if pair:
        hint = did_you_mean(more[0], pair) or f"one of: {', '.join(pair)}"
        raise UsageError(f"`kaito {word}` has no verb {more[0]!r}", hint=hint)
    known = (verb.name.split()[0] for verb in VERBS)
    hint = did_you_mean(word, dict.fromkeys(known)) or "see `kaito --help`"
    raise UsageError(f"there is no verb {word!r}" if word else "a verb is missing", hint=hint)


def _split_leading(words: list[str]) -> tuple[list[str], list[str]]:
    """Options before the verb, and the rest from the verb on."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] in ("-h", "--help", "--version"):
            return [], words[at:]
        at += 2 if words[at] in _VALUED else 1
    return words[:at], words[at:]
