"""Engine options as values, merged by precedence and written as the engine's command line.

Pure. What the engine knows comes in as `KnownOptions`, read off its own parser, so no option is
listed twice and a new engine version brings its options with it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kaito.api.runtime import ExitCode
from kaito.base.suggest import did_you_mean
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.config import Options, OptionValue

Form = Literal["value", "many", "repeat", "switch", "toggle"]
"""value: one text. many: several. repeat: one each time. switch: present or absent. toggle: --x or
--no-x."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOption:
    """One option of the engine: `name` is its long form without dashes."""

    name: str
    form: Form


KnownOptions: TypeAlias = Mapping[str, EngineOption]
"""By every spelling, without leading dashes and with `-` for `_`; aliases share one value."""

OURS = frozenset({"model", "host", "port", "uds", "served-model-name"})
"""What the Service and the controller rely on: a config file may not change it."""


def merge_options(known: KnownOptions, *layers: tuple[str, Options]) -> dict[str, OptionValue]:
    """Each layer is (who says so, options); a later one wins. Names come out canonical.

    Raises `Ending` for the first name the engine does not know, suggesting the nearest.
    """
    merged: dict[str, OptionValue] = {}
    for origin, options in layers:
        for name, value in options.items():
            merged[_to_canonical(known, name, origin)] = value
    return merged


def require_not_ours(known: KnownOptions, options: Options, origin: str) -> None:
    """Raise `Ending` where `options` sets what must stay as the pod was rendered."""
    for name in options:
        canonical = _to_canonical(known, name, origin)
        if canonical in OURS:
            raise Ending(
                f"{origin} sets {name!r}, which the Workspace decides",
                ExitCode.CONFIG,
                hint="remove it",
            )


def to_command_line(known: KnownOptions, options: Options) -> list[str]:
    """The arguments for the engine's parser, in the order of `options`; None is left out."""
    argv: list[str] = []
    for name, value in options.items():
        if value is not None:
            argv.extend(_to_arguments(name, _form_of(known, name), value))
    return argv


def parse_assignments(assignments: Iterable[str]) -> dict[str, OptionValue]:
    """`NAME=VALUE` texts as options: JSON where it parses as JSON, else the text itself."""
    options: dict[str, OptionValue] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not (name and equals):
            raise Ending(f"engine option {assignment!r} is not NAME=VALUE", ExitCode.USAGE)
        try:
            options[name] = json.loads(text)
        except ValueError:
            options[name] = text
    return options


def _to_canonical(known: KnownOptions, name: str, origin: str) -> str:
    # `compilation-config.pass_config.x` sets a part of a map: the engine's parser splits it.
    head, dot, rest = name.lstrip("-").partition(".")
    spelling = head.replace("_", "-")
    if spelling in known:
        return known[spelling].name + dot + rest
    raise Ending(
        f"{origin} sets {name!r}, which the engine does not know",
        ExitCode.CONFIG,
        hint=did_you_mean(spelling, known),
    )


def _form_of(known: KnownOptions, name: str) -> Form:
    return "value" if "." in name else known[name].form


def _to_arguments(name: str, form: Form, value: OptionValue) -> list[str]:
    if form in {"switch", "toggle"}:
        if not isinstance(value, bool):
            raise Ending(
                f"engine option {name!r} is {value!r}", ExitCode.CONFIG, hint="write true or false"
            )
        return [f"--{name}"] if value else [f"--no-{name}"] * (form == "toggle")
    if form == "many":
        values = value if isinstance(value, list) else [value]
        return [f"--{name}", *map(_to_text, values)]
    if form == "repeat" and isinstance(value, list):
        return [f"--{name}={_to_text(each)}" for each in value]
    return [f"--{name}={_to_text(value)}"]


def _to_text(value: OptionValue) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value)
