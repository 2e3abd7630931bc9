"""One process a GPU: this program starts itself again under torchrun where a node has several.

Every rank prepares the same data for itself, in a folder of its own; the first alone answers for
the job, writes it down and pushes. Not measured: no machine with several GPUs was at hand.
"""

import os
import sys
from collections.abc import Sequence

ENV_LAUNCHED = "LOCAL_RANK"


def rank() -> int:
    """Which of the processes of this job this is; torchrun says so."""
    return int(os.environ.get("RANK", "0"))


def is_first_rank() -> bool:
    """Whether this process answers for the job."""
    return rank() == 0


def launch_command(argv: Sequence[str], gpus: int) -> tuple[str, ...]:
    """The command that starts `gpus` processes of this program on this node."""
    return (
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={gpus}",
        "-m",
        "kaito.runtimes.tuning",
        *argv,
    )


def count_gpus() -> int:
    """GPUs that this process sees."""
    import torch

    return int(torch.cuda.device_count()) if torch.cuda.is_available() else 0
