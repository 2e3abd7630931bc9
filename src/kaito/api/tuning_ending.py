"""What a trainer that succeeded leaves as its termination message: its last report, as JSON.

A pod that has ended answers no questions, and the API server keeps the message in the container's
status. A trainer that failed leaves one line in words, as every program of ours does.
"""

import msgspec

from kaito.api.report import TuningReport


def to_ending(report: TuningReport) -> str:
    """One line of JSON, without the curve: there is room for 4096 bytes."""
    return msgspec.json.encode(msgspec.structs.replace(report, curve=())).decode()


def parse_ending(message: str) -> TuningReport | None:
    """The report, or None where the message is something else."""
    try:
        return msgspec.json.decode(message, type=TuningReport)
    except msgspec.MsgspecError:
        return None


def report_config_name(workspace: str) -> str:
    """The ConfigMap in which a job's record outlives its pods, under the record file's own name."""
    return f"{workspace}-tuning-report"
