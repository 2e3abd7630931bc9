"""`python -m kaito.runtimes.serving …`: the model server's container.

Imports little at the top: the engine's child processes import this module again when they start.
"""

import logging
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from msgspec.structs import replace

from kaito.api.runtime import ENV_POD_IP, Distributed, ExitCode, ServingArguments
from kaito.base.errors import UsageError
from kaito.base.logs import facts, start_logging
from kaito.runtimes.ending import Ending, write_ending
from kaito.runtimes.scratch import LONGEST_NAME, LONGEST_NAME_OF_RAY, Scratch, own_scratch
from kaito.runtimes.serving.last_words import LastWords

if TYPE_CHECKING:
    from kaito.runtimes.serving.config import Options
    from kaito.runtimes.serving.door import Door

logger = logging.getLogger("kaito.serving")

_CHILD_SECONDS = 1.0
"""For a process that was killed to be gone."""


def main(argv: Sequence[str]) -> int:
    """Serve until SIGTERM; the exit status, with the reason as the termination message."""
    signal.signal(signal.SIGTERM, _leave)
    words = LastWords()
    words.start()
    start_logging()
    try:
        _run(ServingArguments.parse_argv(argv), words)
    except KeyboardInterrupt:
        return _end(words)
    except UsageError as error:
        return _end(words, Ending(str(error), ExitCode.USAGE, hint=error.hint))
    except Ending as ending:
        return _end(words, ending)
    except OSError as error:
        message = f"no temporary folder can be made: {error}"
        return _end(words, Ending(message, ExitCode.SOFTWARE, hint="give the pod a writable /tmp"))
    return _end(words)


def _run(arguments: ServingArguments, words: LastWords) -> None:
    """Serve, with a temporary folder of our own. Raises `Ending`, for a death with its cause."""
    group = arguments.distributed
    with own_scratch(LONGEST_NAME if group is None else LONGEST_NAME_OF_RAY) as scratch:
        signal.signal(signal.SIGTERM, partial(_leave, scratch))
        try:
            _serve(arguments)
        except UsageError:
            raise
        except Ending as ending:
            if ending.code is not ExitCode.SOFTWARE or ending.hint:
                raise
            cause = words.cause or "without a word, as when the machine is out of memory"
            raise _explain(str(ending), cause, group) from ending
        except Exception as error:  # the program's outermost boundary
            logger.exception("engine failed")
            cause = words.cause or f"{type(error).__name__}: {error}"
            raise _explain("the engine failed", cause, group) from error


def _serve(arguments: ServingArguments) -> None:
    from kaito.runtimes.serving.config import read_options
    from kaito.runtimes.serving.device import observe_device
    from kaito.runtimes.serving.door import open_door
    from kaito.runtimes.serving.loaders import require_loader
    from kaito.runtimes.serving.model import find_template, is_local, require_model
    from kaito.runtimes.serving.weight_files import require_weights

    require_model(arguments.model)
    options = read_options(arguments.config_file, arguments.runtime)
    asked = options.get("load-format") or options.get("load_format") or arguments.load_format
    if arguments.runtime == "vllm":
        require_loader(str(asked), observe_device())
    require_weights(arguments.model, str(asked), allow_pickle=arguments.allow_pickle)
    arguments = replace(arguments, chat_template=find_template(arguments.chat_template))
    host = arguments.host or os.environ.get(ENV_POD_IP, "")
    if is_local(arguments.model):
        # Without it both engines ask a hub about the folder's name, at length where none answers.
        os.environ["HF_HUB_OFFLINE"] = "1"
    if arguments.distributed is not None and not _join(arguments.distributed, host, arguments.port):
        return
    logger.info(
        "starting engine",
        extra=facts(
            runtime=arguments.runtime,
            model=arguments.model,
            host=host or "every address",
            scratch=tempfile.gettempdir(),
        ),
    )
    with open_door(arguments, host, options) as door:
        _start_engine(arguments, options, door)


def _start_engine(arguments: ServingArguments, options: "Options", door: "Door") -> None:
    if arguments.runtime == "vllm":
        from kaito.runtimes.serving.vllm_server import serve_vllm

        serve_vllm(arguments, options, door)
    else:
        from kaito.runtimes.serving.transformers_server import serve_transformers

        serve_transformers(arguments, options, door)


def _join(group: Distributed, host: str, port: int) -> bool:
    """Take part in a model of several pods; whether this is the one that runs the engine."""
    import asyncio

    from kaito.base.clock import SystemClock
    from kaito.runtimes.serving.ray_cluster import Member, form_cluster, lend_gpus

    member, clock = Member.of_environment(group), SystemClock()
    if member.leads:
        asyncio.run(form_cluster(member, clock))
        return True
    asyncio.run(lend_gpus(member, host, port, clock))
    return False


def _explain(what: str, cause: str, group: Distributed | None) -> Ending:
    """An engine's death in one line: of a group, that a pod is missing, if one is."""
    ending = Ending(f"{what}: {cause}", ExitCode.SOFTWARE)
    # Only the leader, and only once Ray has run, can ask it.
    if group is None or "RAY_ADDRESS" not in os.environ:
        return ending
    import asyncio

    from kaito.base.clock import SystemClock
    from kaito.runtimes.serving.ray_cluster import find_loss

    # Ray takes its time, and whoever probes this pod may not have as much.
    write_ending(ending.line)
    loss = asyncio.run(find_loss(group, SystemClock()))
    if not loss:
        return ending
    hint = "it starts again with the group; look at the other pods of this workspace"
    return Ending(f"{what}: {loss} ({cause})", ExitCode.SOFTWARE, hint=hint)


def _leave(scratch: object, *_: object) -> NoReturn:
    """End at once, engine processes first: before the HTTP server runs, nothing is to be drained.

    An exception instead would be at the mercy of whatever the engine is doing: vLLM loses it while
    it waits for its processes. Each server puts its own handler in place of this one once it
    serves; uvicorn's comes back here after it has drained.
    """
    for child in multiprocessing.active_children():
        child.kill()
        child.join(_CHILD_SECONDS)
    if isinstance(scratch, Scratch):
        scratch.remove()
    os._exit(ExitCode.OK)


def _end(words: LastWords, ending: Ending | None = None) -> int:
    words.stop()
    if ending is None:
        return ExitCode.OK
    write_ending(ending.line)
    return ending.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
