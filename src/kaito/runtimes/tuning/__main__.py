"""`python -m kaito.runtimes.tuning …`: the trainer of a tuning job, with `TuningArguments`.

On success the termination message is the last report; on failure it is one line of words.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from kaito.api.runtime import ENV_POD_IP, ExitCode
from kaito.api.tuning_ending import to_ending as to_success
from kaito.api.tuning_job import TuningArguments
from kaito.base.clock import SystemClock
from kaito.base.errors import UsageError
from kaito.base.logs import start_logging
from kaito.runtimes.ending import Ending, write_ending
from kaito.runtimes.scratch import own_scratch
from kaito.runtimes.tuning.errors import RETRY_ME, to_ending

logger = logging.getLogger(__name__)

_LAST_WORDS_SECONDS = 10.0
"""For whoever follows the job to read how it ended: the control plane asks every two seconds."""


def main(argv: Sequence[str]) -> int:
    """Run, and leave the reason of a failure as the termination message; the exit status."""
    start_logging()
    try:
        arguments = TuningArguments.parse_argv(argv)
        _keep_to_itself(arguments)
        return _train(arguments, argv)
    except Ending as ending:
        write_ending(ending.line)
        return ending.code
    except UsageError as error:
        write_ending(error.line)
        return ExitCode.USAGE
    except OSError as error:
        explained = to_ending(error)
        write_ending(explained.line)
        return explained.code
    except Exception as error:
        logger.exception("training failed")
        line = " ".join(str(error).split())[:600]
        write_ending(f"training failed: {type(error).__name__}: {line}")
        return ExitCode.SOFTWARE


def _train(arguments: TuningArguments, argv: Sequence[str]) -> int:
    from kaito.runtimes.tuning.group import end_with_launcher, plan_group, run_group
    from kaito.runtimes.tuning.job import Stopped
    from kaito.runtimes.tuning.ranks import is_first_rank

    if (group := plan_group(arguments)) is not None:
        return run_group(argv, group)
    end_with_launcher()
    try:
        with own_scratch():
            message = asyncio.run(_run(arguments))
    except (Stopped, asyncio.CancelledError):
        write_ending("stopped before the end; started again, it goes on from the last checkpoint")
        return RETRY_ME
    if is_first_rank():
        write_ending(message)
    return ExitCode.OK


async def _run(arguments: TuningArguments) -> str:
    from kaito.runtimes.reporting import Board, answering
    from kaito.runtimes.tuning.job import open_job
    from kaito.runtimes.tuning.ranks import is_first_rank
    from kaito.runtimes.tuning.run import run_job, stop_on_signal

    clock = SystemClock()
    board = Board("tuning", clock)
    job = await asyncio.to_thread(open_job, arguments, board, clock)
    stop_on_signal(job)
    if not is_first_rank():
        return to_success((await run_job(job)).progress)
    host = arguments.host or os.environ.get(ENV_POD_IP, "")
    async with answering(board, host=host, port=arguments.port, metrics=job.ledger.metrics):
        record = await run_job(job)
        await board.wait_read(_LAST_WORDS_SECONDS)
    return to_success(record.progress)


def _keep_to_itself(arguments: TuningArguments) -> None:
    """No library asks a hub, draws bars, or writes elsewhere than into the scratch folder."""
    scratch = Path(arguments.scratch) / "kaito-tuning"
    for name, value in {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HOME": str(scratch / "huggingface"),
        "TRANSFORMERS_VERBOSITY": "error",
        "DATASETS_VERBOSITY": "error",
        "TQDM_DISABLE": "1",
        "TOKENIZERS_PARALLELISM": "true",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
    }.items():
        os.environ.setdefault(name, value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
