"""How long each stage took when the same model was started before: what an ETA is made of.

<state>/history.json    {"PRESET/RUNTIME": {"STAGE": seconds}}

Only a convenience: a file that is missing or cannot be read is an empty one, and nothing fails when
it cannot be written.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import NewType

import msgspec

from kaito.api.workspace import Workspace
from kaito.app.state import StateFolder

Model = NewType("Model", str)
"""`PRESET/RUNTIME`: what makes two starts comparable."""

_MEASURED: Mapping[Model, Mapping[str, float]] = {
    Model("smollm2-135m-instruct/vllm"): {"node": 1.0, "weights": 20.0, "engine": 30.0}
}
"""A first start of the model of the first tutorial, on 2 cores without a GPU."""

_Durations = dict[str, dict[str, float]]


def model_of(workspace: Workspace) -> Model | None:
    """What a workspace starts; None for a template, of which nothing is known."""
    name = workspace.preset_name
    return Model(f"{name}/{workspace.runtime}") if name else None


class History:
    """The durations kept in one state folder."""

    def __init__(self, state: StateFolder) -> None:
        self._path = state.root / "history.json"

    def typical(self, model: Model | None) -> Mapping[str, float]:
        """Seconds by stage of the last start here, else as measured elsewhere, else nothing."""
        if model is None:
            return {}
        return self._read().get(model) or _MEASURED.get(model, {})

    def record(self, model: Model | None, durations: Mapping[str, float]) -> None:
        """Keep what was measured; stages that were not keep what they had."""
        if model is None or not durations or not self._path.parent.is_dir():
            return
        known = self._read()
        rounded = {stage: round(seconds, 1) for stage, seconds in durations.items()}
        known[model] = {**known.get(model, {}), **rounded}
        # Another `kaito` may read it meanwhile, so it must never be half a file.
        fresh = self._path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            fresh.write_bytes(msgspec.json.format(msgspec.json.encode(known)))
            fresh.replace(self._path)

    def _read(self) -> _Durations:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Durations)
        except (OSError, msgspec.MsgspecError):
            return {}
