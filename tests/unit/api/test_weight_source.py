"""Sources of weights read back as they are written, and say how when they cannot be."""

import pytest

from kaito.api.weight_source import (
    FolderSource,
    HubSource,
    OciSource,
    PackageSource,
    WeightSource,
    parse_source,
)
from kaito.base.errors import UsageError


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (FolderSource("/models/phi-3"), "folder:/models/phi-3"),
        (HubSource("microsoft/phi-4", "v1"), "hub:microsoft/phi-4@v1"),
        (OciSource("r.example:5000/a/b:1"), "oci:r.example:5000/a/b:1"),
        (PackageSource("llm-x", "0.1.2", "x.gguf"), "package:llm-x==0.1.2#x.gguf"),
    ],
)
def test_a_source_reads_back_as_written(source: WeightSource, text: str) -> None:
    assert str(source) == text
    assert parse_source(text) == source


def test_a_hub_source_without_a_revision_is_its_main_branch() -> None:
    assert parse_source("hub:a/b") == HubSource("a/b", "main")


@pytest.mark.parametrize(
    "text", ["", "s3://x", "hub:phi-4", "package:llm-x", "folder:", "package:a==1"]
)
def test_another_text_is_refused_with_the_right_spelling(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_source(text)
    assert repr(text) in str(caught.value)
    assert "hub:ORG/MODEL@REVISION" in caught.value.hint
