"""What a model folder's files say about serving it."""

import json
from pathlib import Path

import pytest

from kaito.api.runtime import ExitCode
from kaito.runtimes.ending import Ending
from kaito.runtimes.serving.model import has_chat_template, require_model


def test_a_template_may_be_a_file_or_in_the_tokenizers_configuration(tmp_path: Path) -> None:
    assert not has_chat_template(str(tmp_path))
    (tmp_path / "tokenizer_config.json").write_text("{}")
    assert not has_chat_template(str(tmp_path))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ x }}"}))
    assert has_chat_template(str(tmp_path))
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "chat_template.jinja").write_text("{{ x }}")
    assert has_chat_template(str(tmp_path))


def test_a_folder_without_a_model_ends_the_server_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(Ending) as caught:
        require_model(str(tmp_path))
    assert caught.value.code is ExitCode.UNAVAILABLE
    assert str(tmp_path) in caught.value.line
    (tmp_path / "config.json").write_text("{}")
    require_model(str(tmp_path))
    require_model("org/model")
