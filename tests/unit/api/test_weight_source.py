"""Sources of weights read back as they are written, and say how when they cannot be."""

import pytest

from kaito.api.weight_source import (
    FolderSource,
    HubSource,
    OciSource,
    PackageSource,
    S3Source,
    WeightSource,
    parse_bucket_url,
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
        (S3Source("models"), "s3://models"),
        (S3Source("models", "a/it's (1)"), "s3://models/a/it%27s%20%281%29"),
        (
            S3Source("m-1", "phi", "https://minio.example.com:9000", "eu-1", True),
            "s3://m-1/phi?endpoint=https://minio.example.com:9000&region=eu-1&sealed=true",
        ),
    ],
)
def test_a_source_reads_back_as_written(source: WeightSource, text: str) -> None:
    assert str(source) == text
    assert parse_source(text) == source


def test_a_hub_source_without_a_revision_is_its_main_branch() -> None:
    assert parse_source("hub:a/b") == HubSource("a/b", "main")


@pytest.mark.parametrize(
    "text", ["", "s4://models", "hub:phi-4", "package:llm-x", "folder:", "package:a==1"]
)
def test_another_text_is_refused_with_the_right_spelling(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_source(text)
    assert repr(text) in str(caught.value)
    assert "hub:ORG/MODEL@REVISION" in caught.value.hint


@pytest.mark.parametrize("url", ["s3://x", "s3:models", "models/phi", "s3://-models", "s3://a_b?c"])
def test_a_bucket_has_a_name_that_services_take(url: str) -> None:
    with pytest.raises(UsageError, match="names no bucket") as caught:
        parse_bucket_url(url)
    assert caught.value.hint == "write s3://BUCKET or s3://BUCKET/FOLDER"


def test_a_host_is_written_as_it_is_signed_and_nothing_leads_to_another_one() -> None:
    found = parse_bucket_url("s3://models/a", endpoint="https://MinIO.Example.com:9000/Path/")
    assert found.endpoint == "https://minio.example.com:9000/Path"
    with pytest.raises(UsageError, match=r"region 'x\.host/' is none"):
        parse_bucket_url("s3://models/a", region="x.host/")
    with pytest.raises(UsageError, match="lead elsewhere"):
        parse_bucket_url("s3://models/../other")


def test_an_endpoint_is_an_address_and_slashes_around_a_folder_are_nothing() -> None:
    assert parse_bucket_url("s3://models//phi/4/").prefix == "phi/4"
    with pytest.raises(UsageError, match="is no address"):
        parse_bucket_url("s3://models", endpoint="minio:9000")
