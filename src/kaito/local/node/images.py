"""What an image means on a machine without a container engine.

Images are not pulled. Our own serving image stands for the Python environment that runs this very
process; any other is taken as a promise that the programs it would bring exist on this machine.
"""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kaito.local.node.errors import NotStartable

_OWN_NAME = "kaito-serving"
_TAG = re.compile(r"(:[\w.-]+)?(@[\w+.:-]+)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is executed in the place of an image."""

    argv: tuple[str, ...]
    path: str
    """The PATH it runs with."""
    is_own: bool
    """Whether the image is one of ours, so that nothing of it is missing here."""


def is_own_image(image: str) -> bool:
    """Whether the image is one that this installation can fully stand for."""
    return _TAG.sub("", image).rpartition("/")[2] == _OWN_NAME


def plan_program(image: str, argv: tuple[str, ...], *, path: str, own_bin: str) -> Program:
    """What to execute for `command` and `args` of a container; `NotStartable` when it is unknown.

    `own_bin` is the folder of this environment's programs.
    """
    if not argv:
        raise NotStartable(
            "ImageNotRunnable",
            f"image {image} cannot be run without a container engine, and the container names no "
            "command: set `command` to a program of this machine",
        )
    if is_own_image(image):
        return Program(argv=argv, path=f"{own_bin}:{path}", is_own=True)
    return Program(argv=argv, path=path, is_own=False)


def explain_missing(name: str, *, path: str, mount_paths: Iterable[str]) -> str:
    """Why the program cannot be executed; empty when it can, or when only trying will tell.

    Asked before a sandbox is built, whose own complaint would look like the program's.
    """
    if "/" not in name:
        is_there = shutil.which(name, path=path) is not None
        return "" if is_there else f'"{name}": executable file not found in $PATH of this machine'
    if not name.startswith("/") or any(_is_below(name, mount) for mount in mount_paths):
        return ""
    return "" if Path(name).exists() else f'"{name}": no such file or directory'


def explain_substitution(image: str, program: Program) -> str:
    """The event that says that an image's files are not there."""
    name = PurePosixPath(program.argv[0]).name
    return f"Image {image} is not pulled: its files are not used, {name} of this machine runs"


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
