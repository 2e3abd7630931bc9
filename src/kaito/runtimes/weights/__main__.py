"""`python -m kaito.runtimes.weights …`: the init container, and two more programs beside it.

`import …` is the CLI's import; `mirror …` fills a ModelMirror's bucket. Imports little: when the
weights are there already, this ends before anything heavy is loaded.
"""

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kaito.api.runtime import (
    ENV_POD_IP,
    ExitCode,
    ImportArguments,
    MirrorArguments,
    WeightsArguments,
    model_folder,
)
from kaito.base.errors import UsageError
from kaito.runtimes.ending import Ending, write_ending
from kaito.runtimes.weights.errors import FolderInvalid
from kaito.runtimes.weights.manifest import is_complete

if TYPE_CHECKING:
    from kaito.base.clock import Clock
    from kaito.runtimes.weights.progress import Reporter


def main(argv: Sequence[str]) -> int:
    """Run, and leave the reason of a failure as the termination message; the exit status."""
    try:
        folder = _run(argv)
    except Ending as ending:
        write_ending(ending.line)
        return ending.code
    except UsageError as error:
        write_ending(error.line)
        return ExitCode.USAGE
    except FolderInvalid as error:
        write_ending(error.line)
        return ExitCode.INVALID_DATA
    except OSError as error:
        write_ending(f"cannot write the weights: {error}")
        return ExitCode.INVALID_DATA
    sys.stdout.write(f"{folder}\n")
    return ExitCode.OK


def _run(argv: Sequence[str]) -> Path | str:
    if argv[:1] == ["import"]:
        return _import(argv[1:])
    return _mirror(argv[1:]) if argv[:1] == ["mirror"] else _fetch(argv)


def _fetch(argv: Sequence[str]) -> Path:
    arguments = WeightsArguments.parse_argv(argv)
    folder = Path(model_folder(arguments.root, arguments.key))
    if is_complete(folder):
        return folder
    import asyncio

    return asyncio.run(_fetch_reporting(arguments))


async def _fetch_reporting(arguments: WeightsArguments) -> Path:
    from kaito.base.clock import SystemClock
    from kaito.runtimes.weights.fetch import fetch_weights

    clock = SystemClock()
    async with _reporting(arguments, clock) as reporter:
        return await fetch_weights(arguments, clock=clock, reporter=reporter)


def _mirror(argv: Sequence[str]) -> str:
    import asyncio

    return asyncio.run(_mirror_reporting(MirrorArguments.parse_argv(argv)))


async def _mirror_reporting(arguments: MirrorArguments) -> str:
    from kaito.base.clock import SystemClock
    from kaito.runtimes.weights.mirror import fill_mirror

    clock = SystemClock()
    async with _reporting(arguments, clock) as reporter:
        return await fill_mirror(arguments, clock=clock, reporter=reporter)


@asynccontextmanager
async def _reporting(
    arguments: WeightsArguments | MirrorArguments, clock: "Clock"
) -> "AsyncIterator[Reporter]":
    """Somebody to tell how far it is, and for the control plane to ask."""
    from kaito.runtimes.reporting import Board, answering
    from kaito.runtimes.weights.progress import Reporter

    board = Board("weights", clock)
    reporter = Reporter(clock, board=board)
    if not arguments.port:
        yield reporter
        return
    host = arguments.host or os.environ.get(ENV_POD_IP, "")
    async with answering(board, host=host, port=arguments.port):
        yield reporter


def _import(argv: Sequence[str]) -> Path:
    import asyncio

    arguments = ImportArguments.parse_argv(argv)
    return asyncio.run(_import_locked(arguments))


async def _import_locked(arguments: ImportArguments) -> Path:
    from kaito.base.clock import SystemClock
    from kaito.runtimes.weights.folder import import_folder
    from kaito.runtimes.weights.progress import Reporter
    from kaito.runtimes.weights.staging import hold_lock

    root, key, clock = Path(arguments.root), arguments.key, SystemClock()
    async with hold_lock(root, key, clock=clock, reporter=Reporter(clock)):
        import_folder(
            root,
            key,
            Path(arguments.path),
            architecture=arguments.architecture,
            allow_pickle=arguments.allow_pickle,
        )
    return Path(model_folder(arguments.root, key))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
