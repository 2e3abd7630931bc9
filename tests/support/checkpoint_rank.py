"""One rank that looks for the checkpoint to go on from, in a process of its own.

Here and not beside its test: a process that is started anew can import what is in this folder only.
"""

from pathlib import Path

import pytest

from kaito.runtimes.tuning import ranks

JOB = "abc"
CONTENT = b"0123456789"


def choose(rank: int, count: int, meeting: Path, folder: Path) -> None:
    """One rank, alone on its node; in a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ranks.ENV_RANK, str(rank))
        patch.setenv(ranks.ENV_RANKS, str(count))
        patch.setenv(ranks.ENV_LOCAL_RANK, "0")
        patch.setenv("GLOO_SOCKET_IFNAME", "lo")
        patch.setattr(ranks, "_PIECE", 4)
        from torch import distributed

        distributed.init_process_group(
            "gloo", init_method=f"file://{meeting}", rank=rank, world_size=count
        )
        found = ranks.choose_checkpoint(folder, JOB)
        assert found is not None
        assert (found / "model.bin").read_bytes() == CONTENT
        distributed.destroy_process_group()
