"""Models by name, and whether their weights are here."""

from pathlib import Path

import pytest

from kaito.app.state import StateFolder
from kaito.base.errors import KaitoError
from kaito.catalog.lookup import PRESETS
from kaito.cli.models import has_weights
from kaito.cli.presets import format_context, format_size, require_preset
from kaito.cli.program import main


def test_an_unknown_model_comes_with_near_names() -> None:
    with pytest.raises(KaitoError, match="there is no model 'smollm2-135m'") as raised:
        require_preset("smollm2-135m")
    assert "smollm2-135m-instruct" in raised.value.hint
    assert require_preset("Microsoft/Phi-4").name == "phi-4"
    assert require_preset("somebody/else").facts is None


def test_weights_count_once_their_folder_is_complete(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    preset = require_preset("phi-4")
    folder = state.models / preset.name
    folder.mkdir(parents=True)
    assert not has_weights(state, preset)
    (folder / "kaito-weights.json").write_text("{}")
    assert has_weights(state, preset)


def test_what_is_not_known_is_a_question_mark() -> None:
    assert (format_size(None), format_context(None)) == ("?", "?")
    facts = require_preset("phi-4").facts
    assert (format_size(facts), format_context(facts)) == ("27.3 GiB", "16k")


def test_the_list_has_every_preset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--state-dir", str(tmp_path)]) == 0
    headings, *rows = capsys.readouterr().out.splitlines()
    assert headings.split() == ["NAME", "HUB", "ID", "LICENSE", "SIZE", "CONTEXT", "GATED", "LOCAL"]
    assert [row.split()[0] for row in rows] == [preset.name for preset in PRESETS]
    assert main(["models", "list", "--state-dir", str(tmp_path), "--local"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_description_shows_the_plan_with_its_working(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--state-dir", str(tmp_path)]
    assert main(["models", "describe", "smollm2-135m-instruct", *words]) == 0
    text = capsys.readouterr().out
    assert "plan       weights 257 MiB\n" in text
    assert "KV cache" in text
    assert main(["models", "describe", "somebody/else", *words]) == 0
    assert "kaito models import somebody/else PATH" in capsys.readouterr().out


def test_the_facts_of_imported_weights_win(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "models" / "phi-4"
    folder.mkdir(parents=True)
    (folder / "kaito-weights.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"\0" * 3 * 2**20)
    (folder / "config.json").write_text(
        '{"architectures": ["Phi3ForCausalLM"], "num_hidden_layers": 2, "hidden_size": 64,'
        ' "num_attention_heads": 4, "max_position_embeddings": 2048}'
    )
    assert main(["models", "describe", "phi-4", "--state-dir", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "weights    3 MiB, here\n" in text
    assert "context    2k tokens\n" in text
