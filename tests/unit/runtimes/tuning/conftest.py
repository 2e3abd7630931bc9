"""A tokenizer for all tests of this folder: made once, in a second."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer
from tuning_data import make_tokenizer


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("words")
    return AutoTokenizer.from_pretrained(make_tokenizer(folder))
