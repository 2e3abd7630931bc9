"""Facts about the model folder that decide how it is served, and the templates that we bring."""

import json
from pathlib import Path

from kaito.api.runtime import ExitCode
from kaito.base.suggest import did_you_mean
from kaito.runtimes.ending import Ending

_OURS = Path(__file__).with_name("templates")
_TEMPLATES = ("chat_template.jinja", "chat_template.json", "chat_templates")


def require_model(model: str) -> None:
    """Raise `Ending` when `model` names a folder and there is no model in it."""
    path = Path(model)
    if path.is_absolute() and not any(
        (path / name).is_file() for name in ("config.json", "params.json")
    ):
        raise Ending(
            f"no model in {model}: it has no config.json",
            ExitCode.UNAVAILABLE,
            hint="fetch the weights first (kaito.runtimes.weights)",
        )


def is_local(model: str) -> bool:
    """Whether `model` is a folder, so that no hub needs to be asked."""
    return Path(model).is_dir()


def has_chat_template(model: str) -> bool:
    """Whether the model takes chat; a hub id is taken to, for its files are not here yet."""
    path = Path(model)
    if not path.is_dir() or any((path / name).exists() for name in _TEMPLATES):
        return True
    try:
        config = json.loads((path / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(config.get("chat_template"))


def find_template(name: str) -> str:
    """The file of a chat template: one of ours by its name, else the path that it is; or neither.

    Raises `Ending` for a name that is not ours.
    """
    if not name or "/" in name:
        return name
    path = _OURS / f"{name}.jinja"
    if not path.is_file():
        ours = sorted(found.stem for found in _OURS.glob("*.jinja"))
        raise Ending(
            f"there is no chat template {name!r}", ExitCode.CONFIG, hint=did_you_mean(name, ours)
        )
    return str(path)
