"""`status.tuning.message`: what a trainer does, in words; or why it does nothing. Pure.

What changes with every step stands in fields of its own and is not repeated: a message that does is
a write of the status. A download is told in twentieths.
"""

from typing import Final

from kaito.api.report import PodReport, StageReport
from kaito.controllers.workspace.tuning_verdict import TUNING, Verdict

_PARTS: Final = 20
_SAID: Final = {
    "look": "looking for the data set",
    "load": "loading the base model",
    "train": "training",
    "evaluate": "measuring the loss on the samples that are held out",
    "save": "writing the adapter",
}
LONGEST_MESSAGE: Final = 1024


def describe_tuning(verdict: Verdict, report: PodReport | None) -> str:
    """One line; the verdict's own unless all is well and the pod says more."""
    if verdict.reason != TUNING or report is None or not report.stages:
        return verdict.message[:LONGEST_MESSAGE]
    said = _describe_stage(report.stages[-1])
    return (said or verdict.message)[:LONGEST_MESSAGE]


def _describe_stage(stage: StageReport) -> str:
    if stage.name == "download":
        return f"downloading {stage.item or 'the data'}{_part(stage)}"
    if stage.name == "preflight":
        return f"reading and checking the data{_part(stage)}"
    if stage.name == "wait":
        return f"waiting for {stage.item}"
    if stage.name == "push":
        return f"pushing the adapter to {stage.item}{_part(stage)}"
    return _SAID.get(stage.name, "")


def _part(stage: StageReport) -> str:
    """How much is done, where that is known."""
    if stage.total <= 0:
        return ""
    done = min(stage.done * _PARTS // stage.total, _PARTS)
    return f", {done * 100 // _PARTS} %"
