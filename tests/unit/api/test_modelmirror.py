"""Which ModelMirrors are refused, and in which words."""

from typing import Any

import pytest
from kind_shapes import changed, problems, shape

SHAPE = shape("modelmirror")
STATIC = shape("modelmirror-static")

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no spec": ({"spec": None}, "spec: is required: it says which model to keep, and where"),
    "mode": ({"spec__mode": "Cached"}, "spec.mode: Invalid enum value 'Cached'"),
    "no source": ({"spec__source": None}, "spec.source: is required with mode Managed"),
    "another registry": (
        {"spec__source__registry": "modelscope"},
        "spec.source.registry: Invalid enum value 'modelscope'",
    ),
    "no model": (
        {"spec__source__modelID": ""},
        "spec.source.modelID: is required: it names the model on the hub",
    ),
    "no storage": ({"spec__storage": None}, "spec.storage: is required with mode Managed"),
    "size": (
        {"spec__storage__size": "107GB"},
        "spec.storage.size: must be a quantity such as 107Gi, not '107GB'",
    ),
    "negative size": ({"spec__storage__size": "-1Gi"}, "spec.storage.size: must be a quantity"),
    "no size": ({"spec__storage__size": "0"}, "spec.storage.size: must be above 0, not '0'"),
    "a bucket without a scheme": (
        {"spec__storage": {"bucket": {"url": "models/phi"}}},
        "spec.storage.bucket.url: must be s3://BUCKET or s3://BUCKET/FOLDER, not 'models/phi'",
    ),
    "an endpoint without a scheme": (
        {"spec__storage": {"bucket": {"url": "s3://models", "endpoint": "minio:9000"}}},
        "spec.storage.bucket.endpoint: must be the service's own address",
    ),
    "a bucket and a class": (
        {"spec__storage__bucket": {"url": "s3://models"}},
        "spec.storage.storageClassName: is the class of a volume, and this mirror is in a bucket",
    ),
    "a limit that is none": (
        {"spec__storage": {"size": "0", "bucket": {"url": "s3://models"}}},
        "spec.storage.size: must be above 0, not '0'",
    ),
    "wrong type": ({"spec__storage__size": 107}, "spec.storage.size: Expected str, got int"),
}


@pytest.mark.parametrize("size", ["107Gi", "1.5Ti", "107e9", "10G", "+1Ki", ".5Pi", "1e3"])
def test_sizes_are_quantities(size: str) -> None:
    assert problems(changed(SHAPE, spec__storage__size=size)) == ()


def test_managed_is_what_a_mirror_is_when_nothing_is_said() -> None:
    assert problems(changed(SHAPE, spec__mode=None)) == ()
    assert problems(changed(STATIC, spec__mode=None)) != ()


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_refused_by_one_line(case: tuple[dict[str, Any], str]) -> None:
    values, said = case
    (problem,) = problems(changed(SHAPE, **values))
    assert str(problem).startswith(said)
    assert "\n" not in str(problem)


def test_a_static_mirror_stands_for_what_is_there_already() -> None:
    assert problems(STATIC) == ()
    found = problems(changed(SHAPE, spec__mode="Static"))
    assert [problem.path for problem in found] == ["spec.source", "spec.storage"]
    assert all("must not be set with mode Static" in problem.detail for problem in found)


def test_a_name_is_a_label_of_what_is_made_for_it() -> None:
    (problem,) = problems(changed(SHAPE, metadata__name="a" * 64))
    assert str(problem).startswith("metadata.name: the name must have at most 63 characters")
    assert problems(changed(SHAPE, metadata__name=f"1.{'a' * 61}")) == ()
    # Of a volume that is there already nothing is made.
    assert problems(changed(STATIC, metadata__name="a" * 253)) == ()


def test_a_bucket_stands_in_a_volumes_place_in_either_mode() -> None:
    bucket = {"bucket": {"url": "s3://models/phi-4", "secretName": "s3"}}
    assert problems(changed(SHAPE, spec__storage=bucket)) == ()
    assert problems(changed(STATIC, spec__storage=bucket)) == ()
    assert problems(changed(SHAPE, spec__storage={"size": "9Gi", **bucket})) == ()


def test_a_volume_without_a_class_is_the_operators_to_place() -> None:
    assert problems(changed(SHAPE, spec__storage__storageClassName=None)) == ()


@pytest.mark.parametrize(
    "values",
    [{"spec__storage__size": "1Gi"}, {"spec__mode": "Static"}, {"spec__jobNamespace": None}],
    ids=str,
)
def test_nothing_may_change(values: dict[str, Any]) -> None:
    (problem,) = problems(changed(SHAPE, **values), SHAPE)
    assert str(problem) == "spec: ModelMirror spec is immutable; delete and recreate to change"


def test_labels_may_change_even_where_today_the_rest_would_be_refused() -> None:
    odd = changed(SHAPE, spec__storage__size=None)
    assert problems(changed(odd, metadata__labels={"a": "b"}), odd) == ()


def test_what_is_being_deleted_is_not_judged() -> None:
    going = changed(SHAPE, metadata__deletionTimestamp="2026-01-01T00:00:00Z", spec__mode="Static")
    assert problems(going, SHAPE) == ()
