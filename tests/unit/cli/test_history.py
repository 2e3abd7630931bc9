"""What is remembered of earlier starts."""

from pathlib import Path

import msgspec

from kaito.api.workspace import Workspace
from kaito.app.state import StateFolder
from kaito.cli.history import History, Model, model_of

PHI = Model("phi-4/vllm")


def test_the_last_durations_are_kept_by_model(tmp_path: Path) -> None:
    history = History(StateFolder(tmp_path))
    history.record(PHI, {"node": 1.04, "weights": 20.0})
    history.record(PHI, {"weights": 0.2})
    history.record(Model("phi-4/transformers"), {"node": 9.0})
    assert History(StateFolder(tmp_path)).typical(PHI) == {"node": 1.0, "weights": 0.2}
    assert [file.name for file in tmp_path.iterdir()] == ["history.json"]


def test_a_first_start_of_the_tutorials_model_has_measured_figures(tmp_path: Path) -> None:
    typical = History(StateFolder(tmp_path)).typical(Model("smollm2-135m-instruct/vllm"))
    assert set(typical) == {"node", "weights", "engine"}
    assert History(StateFolder(tmp_path)).typical(PHI) == {}


def test_a_damaged_file_counts_as_none_and_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text("{")
    history = History(StateFolder(tmp_path))
    assert history.typical(PHI) == {}
    history.record(PHI, {"node": 1.0})
    assert history.typical(PHI) == {"node": 1.0}


def test_no_state_folder_is_made_for_it(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "none")
    History(state).record(PHI, {"node": 1.0})
    assert not state.root.exists()


def test_a_model_is_its_preset_on_a_runtime() -> None:
    preset = {
        "metadata": {"name": "a", "annotations": {"kaito.sh/runtime": "transformers"}},
        "inference": {"preset": {"name": "phi-4"}},
    }
    assert model_of(msgspec.convert(preset, Workspace)) == "phi-4/transformers"
    assert model_of(msgspec.convert({"inference": {"template": {}}}, Workspace)) is None
