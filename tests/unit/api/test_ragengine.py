"""Which RAGEngines are refused, and in which words; and that no version loses what another says."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from kind_shapes import changed, problems, shape

from kaito.api.crd.ragengine import RAGENGINE
from kaito.api.meta import Manifest
from kaito.api.ragengine import RAGEngine, StorageSpec
from kaito.app.admission import CATALOGUE
from kaito.local.schema.pruning import prune
from kaito.local.schema.structure import compile_schema

SHAPE = shape("ragengine")
FLAT = shape("ragengine-v1alpha1")
LEAST = shape("ragengine-retrieve-only")
_LOCAL = "spec__embedding__local"

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no spec": ({"spec": None}, "spec: is required; the least is embedding.local.modelID"),
    "name": (
        {"metadata__name": "My-Engine"},
        "metadata.name: the name must be at most 63 lower-case",
    ),
    "long name": (
        {"metadata__name": "a" * 64},
        "metadata.name: the name must be at most 63 lower-case",
    ),
    "neither": (
        {"spec__embedding": {}},
        "spec.embedding: Either remote embedding or local embedding must be specified, not neither",
    ),
    "both": (
        {"spec__embedding__remote": {"url": "http://embed"}},
        "spec.embedding: Either remote embedding or local embedding must be specified, but not",
    ),
    "no local model": (
        {_LOCAL: {}},
        "spec.embedding.local: Either image or modelID must be specified, not neither",
    ),
    "two local models": (
        {f"{_LOCAL}__image": "example.com/models/bge:1"},
        "spec.embedding.local: Either image or modelID must be specified, but not both",
    ),
    "image without a tag": (
        {_LOCAL: {"image": "example.com/models/bge"}},
        "spec.embedding.local.image: Invalid image format, require full input image URL",
    ),
    "image without a registry": (
        {_LOCAL: {"image": "bge:1"}},
        "spec.embedding.local.image: Invalid image format, require full input image URL",
    ),
    "image in capitals": (
        {_LOCAL: {"image": "example.com/Models/bge:1"}},
        "spec.embedding.local.image: Invalid image format",
    ),
    "remote url": (
        {"spec__embedding": {"remote": {"url": "embed:80"}}},
        "spec.embedding.remote.url: URL input error: must be an http or https address, not 'em",
    ),
    "inference url": (
        {"spec__inferenceService__url": "<url>/v1"},
        "spec.inferenceService.url: URL input error: must be an http or https address",
    ),
    "no context": (
        {"spec__inferenceService__contextWindowSize": 0},
        "spec.inferenceService.contextWindowSize: ContextWindowSize must be a positive integer",
    ),
    "two volumes": (
        {"spec__storage__persistentVolumeClaim": "other"},
        "spec.storage.persistentVolumeClaim: must not be set beside persistentVolume",
    ),
    "mount path": (
        {"spec__storage__persistentVolume__mountPath": "data"},
        "spec.storage.persistentVolume.mountPath: must be an absolute path without a colon",
    ),
    "no claim": (
        {"spec__storage__persistentVolume__persistentVolumeClaim": ""},
        "spec.storage.persistentVolume.persistentVolumeClaim: is required",
    ),
    "vector database": (
        {"spec__storage__vectorDB__engine": "milvus"},
        "spec.storage.vectorDB.engine: must be qdrant, not 'milvus'",
    ),
    "vector database url": (
        {"spec__storage__vectorDB__url": "qdrant"},
        "spec.storage.vectorDB.url: must be an http or https address",
    ),
    "no label": (
        {"spec__compute__labelSelector": {}},
        "spec.compute.labelSelector: matchLabels must contain at least one non-reserved label",
    ),
    "unknown instance type": (
        {"spec__compute__instanceType": "Standard_NV36ads_A11_v5"},
        "spec.compute.instanceType: Unsupported instance type",
    ),
    "wrong type": (
        {"spec__inferenceService__contextWindowSize": "4k"},
        "spec.inferenceService.contextWindowSize: Expected int, got str",
    ),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_what_is_wrong_is_refused_by_one_line(
    case: tuple[dict[str, Any], str], version: str
) -> None:
    values, said = case
    (problem,) = problems(changed(SHAPE, apiVersion=f"kaito.sh/{version}", **values))
    assert str(problem).startswith(said)
    assert "\n" not in str(problem)


@pytest.mark.parametrize(
    ("manifest", "values"),
    [
        (LEAST, {}),
        (SHAPE, {"spec__compute": None}),
        (SHAPE, {"spec__compute__instanceType": "Standard_D8s_v5"}),
        (SHAPE, {"spec__compute__instanceType": None}),
        (SHAPE, {"spec__embedding": {"remote": {"url": "https://embed.example.com/v1?a=b"}}}),
        (SHAPE, {_LOCAL: {"image": "example.com:5000/models/bge:1"}}),
        (SHAPE, {"spec__inferenceService__url": None}),
        (SHAPE, {"spec__guardrails": {"enabled": True}}),
        (SHAPE, {"spec__storage": {}}),
        (FLAT, {"spec__storage__mountPath": None}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_right_is_admitted(manifest: Manifest, values: dict[str, Any]) -> None:
    assert problems(changed(manifest, **values)) == ()


def test_the_older_version_wants_a_model_that_answers() -> None:
    (problem,) = problems(changed(FLAT, spec__inferenceService__url=None))
    assert str(problem).startswith("spec.inferenceService.url: is required in v1alpha1")


def test_an_instance_type_is_required_where_nodes_are_made_and_forbidden_where_not() -> None:
    auto = replace(CATALOGUE, provisioning="auto")
    (missing,) = problems(changed(SHAPE, spec__compute__instanceType=None), around=auto)
    assert str(missing).startswith("spec.compute.instanceType: instanceType is required")
    existing = replace(CATALOGUE, provisioning="existing")
    (given,) = problems(SHAPE, around=existing)
    assert str(given).startswith("spec.compute.instanceType: instanceType must be empty")
    filled_in = changed(FLAT, spec__compute__instanceType="Standard_NC24ads_A100_v4")
    assert problems(filled_in, around=existing) == ()


def test_a_policy_has_its_key_once_its_configmap_is_known() -> None:
    known: dict[str, Mapping[str, str]] = {"ragengine-guardrails-policy": {"policy.yaml": ""}}
    around = replace(CATALOGUE, find_config=lambda _, name: known.get(name))
    (problem,) = problems(SHAPE, around=around)
    assert str(problem) == (
        "spec.guardrails.configMapRef.name: ConfigMap ragengine-guardrails-policy has no key "
        "guardrails.yaml; add it"
    )
    assert problems(changed(SHAPE, spec__guardrails__enabled=False), around=around) == ()
    known.clear()
    assert problems(SHAPE, around=around) == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            changed(SHAPE, spec__compute=None),
            SHAPE,
            "spec.compute: Compute resources cannot be added after creation",
        ),
        (
            SHAPE,
            changed(SHAPE, spec__compute=None),
            "spec.compute: Compute resources cannot be removed after creation",
        ),
        (
            SHAPE,
            changed(SHAPE, spec__compute__instanceType="Standard_NC24ads_A100_v4"),
            "spec.compute.instanceType: field is immutable",
        ),
        (
            SHAPE,
            changed(SHAPE, spec__compute__labelSelector={"matchLabels": {"apps": "other"}}),
            "spec.compute.labelSelector: field is immutable",
        ),
        (SHAPE, changed(SHAPE, spec__compute__count=2), "spec.compute.count: field is immutable"),
    ],
)
def test_what_it_runs_on_cannot_be_changed(old: Manifest, new: Manifest, said: str) -> None:
    (problem,) = problems(new, old)
    assert str(problem).startswith(said)


def test_the_default_count_is_no_change() -> None:
    assert problems(changed(SHAPE, spec__compute__count=1), SHAPE) == ()


def test_an_update_answers_only_for_what_it_brings_in() -> None:
    faulty = changed(SHAPE, spec__storage__vectorDB__engine="milvus")
    assert problems(changed(faulty, spec__guardrails=None), faulty) == ()


@pytest.mark.parametrize("manifest", [SHAPE, FLAT, LEAST], ids=["v1beta1", "v1alpha1", "least"])
@pytest.mark.parametrize("version", RAGENGINE.versions, ids=lambda version: version.name)
def test_neither_version_prunes_what_the_other_says(manifest: Manifest, version: Any) -> None:
    assert prune(compile_schema(version.schema()), manifest) == manifest


@pytest.mark.parametrize(
    ("storage", "claim", "path"),
    [
        ({"persistentVolumeClaim": "a"}, "a", "/mnt/data"),
        ({"persistentVolumeClaim": "a", "mountPath": "/x"}, "a", "/x"),
        ({"persistentVolume": {"persistentVolumeClaim": "b"}}, "b", "/mnt/data"),
        ({"persistentVolume": {"persistentVolumeClaim": "b", "mountPath": "/y"}}, "b", "/y"),
    ],
)
def test_the_volume_is_the_same_in_whichever_way_it_is_written(
    storage: Manifest, claim: str, path: str
) -> None:
    volume = msgspec.convert(storage, StorageSpec).volume
    assert volume is not None
    assert (volume.persistent_volume_claim, volume.mount_path) == (claim, path)


def test_without_a_claim_there_is_no_volume() -> None:
    for manifest in (SHAPE, FLAT):
        spec = msgspec.convert(manifest, RAGEngine).spec
        assert spec is not None
        assert spec.storage is not None
        assert spec.storage.volume is not None
    assert msgspec.convert({"mountPath": "/x"}, StorageSpec).volume is None
