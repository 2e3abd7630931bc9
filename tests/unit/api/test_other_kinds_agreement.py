"""The CEL of these kinds' CRDs, run by another implementation, and the code judge alike."""

from typing import Any

import pytest
from cel_judge import broken_rules
from hypothesis import given, settings
from hypothesis import strategies as st
from kind_shapes import SHAPES, changed, problems, shape

from kaito.api.kinds import find_kind
from kaito.api.meta import Manifest
from kaito.api.validation import Surroundings
from kaito.local.schema.structure import Schema, compile_schema
from kaito.local.schema.validate import apply_defaults, prune, validate

KINDS = tuple(dict.fromkeys(shape(name)["kind"] for name in SHAPES))
_SELECTORS = [
    {},
    {"matchLabels": {}},
    {"matchLabels": {"apps": "other"}},
    {"matchLabels": {"kaito.sh/workspace": "w"}},
    {"matchExpressions": [{"key": "apps", "operator": "In", "values": ["a"]}]},
    {"matchExpressions": [{"key": "apps", "operator": "In", "values": ["a", "b"]}]},
    {"matchExpressions": [{"key": "apps", "operator": "Exists"}]},
]
_URLS = [
    "",
    "http://",
    "http://a",
    "HTTPS://a:1/b?c=d#e",
    "ftp://a",
    "a",
    "http://a b",
    "http:///b",
]
_IMAGES = ["", "a", "a/b", "a:1", "a/b:1", "a.io/b/c:1", "a.io:5000/b:1", "a.io/B:1", "a.io/b:"]
_PARTITIONS = [
    None,
    {"mode": "mig"},
    {"mode": "mig", "profile": "1g.10gb"},
    {"mode": "mig", "profile": "1g.10gb", "count": 1},
    {"mode": "accelerator", "count": 2},
    {"mode": "accelerator", "profile": "1g.10gb"},
]
_PREFILL, _DECODE = {"type": "prefill"}, {"type": "decode", "replicas": 2}
_LENGTHS = (38, 39, 46, 47, 63, 64)
_NAMES = {"metadata__name": ["a", "a.b", "A", "1-1", "-a", *("a" * length for length in _LENGTHS)]}
VALUES: dict[str, dict[str, list[Any]]] = {
    "InferenceSet": {
        **_NAMES,
        "spec__nodeCountLimit": [None, 0, 1, -1],
        "spec__labelSelector": _SELECTORS,
        "spec__template__resource": [{}, {"instanceType": "a"}],
        "spec__template__resource__partition": _PARTITIONS,
        "spec__template__inference": [{}, {"template": {}}, {"preset": {"name": "phi-4"}}],
        "spec__template__inference__template": [None, {"spec": {"containers": [{}]}}],
        "spec__template__inference__adapters": [
            None,
            [{}],
            [{"source": {"name": "a", "image": "b"}}] * 2,
            [{"source": {"name": "a"}, "strength": "2"}],
        ],
        "spec__autoUpgrade__maintenanceWindow__schedule": ["", "0 2 * * 6"],
    },
    "RAGEngine": {
        **_NAMES,
        "spec__compute": [None, {"labelSelector": {"matchLabels": {"a": "b"}}}],
        "spec__compute__labelSelector": _SELECTORS,
        "spec__compute__instanceType": ["", "a"],
        "spec__compute__count": [None, 1, 2],
        "spec__embedding": [{}, {"local": {}}, {"remote": {"url": "http://a"}}],
        "spec__embedding__local__image": _IMAGES,
        "spec__embedding__local__modelID": [None, "", "a/b"],
        "spec__embedding__remote__url": _URLS,
        "spec__inferenceService": [None, {"contextWindowSize": 1}],
        "spec__inferenceService__contextWindowSize": [-1, 0, 1],
        "spec__inferenceService__url": [None, *_URLS],
        "spec__storage": [None, {}],
        "spec__storage__persistentVolumeClaim": ["", "a"],
        "spec__storage__mountPath": ["", "/", "/a", "a", "/a:b"],
        "spec__storage__persistentVolume": [None, {"persistentVolumeClaim": ""}],
        "spec__storage__vectorDB__engine": ["qdrant", "Qdrant", "", "faiss"],
        "spec__storage__vectorDB__url": _URLS,
    },
    "ModelMirror": {
        **_NAMES,
        "spec": [{}, {"mode": "Static"}],
        "spec__mode": [None, "Static", "Managed"],
        "spec__source": [None, {"registry": "huggingface", "modelID": ""}],
        "spec__storage": [None, {"size": "1Gi"}],
        "spec__storage__size": ["", "1", "1Gi", "1.5e3", ".5T", "-1", "1GB", "1e", "Gi", "1 Gi"],
        "spec__storage__storageClassName": [None, "", "a"],
        "spec__jobNamespace": [None, "a"],
    },
    "MultiRoleInference": {
        **_NAMES,
        "spec__labelSelector": _SELECTORS,
        "spec__model__name": ["", "a", "phi-4"],
        "spec__roles": [
            [_PREFILL, _DECODE],
            [_DECODE, _PREFILL],
            [_PREFILL, _PREFILL],
            [_DECODE, _DECODE],
        ],
    },
}


def messages_of(kind: str) -> tuple[str, ...]:
    found = find_kind("kaito.sh", kind)
    assert found is not None
    rules = {rule.message for version in found.definition.versions for rule in version.rules}
    return tuple(sorted(rules, key=len, reverse=True))


def document_of(manifest: Manifest) -> Manifest:
    found = find_kind("kaito.sh", manifest["kind"])
    assert found is not None
    version = manifest["apiVersion"].partition("/")[2]
    return next(v.schema() for v in found.definition.versions if v.name == version)


EDITED = ("inferenceset", "modelmirror", "multiroleinference", "ragengine", "ragengine-v1alpha1")
DOCUMENTS = {name: document_of(shape(name)) for name in EDITED}
SCHEMAS: dict[str, Schema] = {name: compile_schema(DOCUMENTS[name]) for name in EDITED}
MESSAGES = {kind: messages_of(kind) for kind in KINDS}

# The CEL parser raises Python's recursion limit at its first use, which Hypothesis minds in a test.
broken_rules({"x-kubernetes-validations": [{"rule": "self == 1", "message": ""}]}, 1)


@st.composite
def edited(draw: st.DrawFn, name: str) -> Manifest:
    """A shape with some fields changed, as an API server hands it to CEL and to admission."""
    manifest = shape(name)
    values = VALUES[manifest["kind"]]
    for path in draw(st.lists(st.sampled_from(sorted(values)), max_size=4, unique=True)):
        manifest = changed(manifest, **{path: draw(st.sampled_from(values[path]))})
    return apply_defaults(SCHEMAS[name], prune(SCHEMAS[name], manifest))


def by_cel(name: str, new: Manifest, old: Manifest | None) -> set[str]:
    return {message for _, message in broken_rules(DOCUMENTS[name], new, old)}


def by_code(new: Manifest, old: Manifest | None) -> set[str]:
    found = problems(new, old, around=Surroundings())
    known = MESSAGES[new["kind"]]
    spoken = (next((m for m in known if e.detail.startswith(m)), "") for e in found)
    return {message for message in spoken if message}


@pytest.mark.parametrize("name", EDITED)
@settings(max_examples=40)
@given(data=st.data())
def test_an_object_is_judged_alike(name: str, data: st.DataObject) -> None:
    new = data.draw(edited(name))
    if validate(SCHEMAS[name], new):
        return
    assert by_code(new, None) == by_cel(name, new, None)


@pytest.mark.parametrize("name", EDITED)
@settings(max_examples=40)
@given(data=st.data())
def test_a_change_is_judged_alike(name: str, data: st.DataObject) -> None:
    old, new = data.draw(edited(name)), data.draw(edited(name))
    new = {**new, "metadata": old["metadata"]}
    if validate(SCHEMAS[name], new) or validate(SCHEMAS[name], old) or by_cel(name, old, None):
        return  # neither would have been stored
    code, cel = by_code(new, old), by_cel(name, new, old)
    if new["kind"] == "ModelMirror" and code:
        # Nothing may change: code says that, and nothing of what else would be wrong.
        assert code <= cel
        return
    assert code == cel
