"""The CRD's CEL, run by another CEL implementation, and the code say the same of every object.

What only code can say (annotations, the catalogue, addresses) is left out of the comparison by
name: a complaint whose words are no rule's of the CRD.
"""

from typing import Any

import msgspec
import pytest
from cel_judge import broken_rules
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workspace_cases import CHANGES, SOUND, WRONG, Manifest, workspace

from kaito.api.crd.workspace import WORKSPACE
from kaito.api.validation import validate_workspace
from kaito.api.validation.workspace_rules import WORKSPACE_RULES
from kaito.api.workspace import Workspace
from kaito.local.schema.structure import compile_schema
from kaito.local.schema.validate import apply_defaults, prune, validate

DOCUMENTS = {version.name: version.schema() for version in WORKSPACE.versions}
SCHEMAS = {name: compile_schema(document) for name, document in DOCUMENTS.items()}
MESSAGES = tuple(sorted({rule.message for rule in WORKSPACE_RULES}, key=len, reverse=True))


def shaped(manifest: Manifest) -> Manifest:
    """As an API server hands it to CEL and to admission: pruned and completed."""
    schema = SCHEMAS[version_of(manifest)]
    return apply_defaults(schema, prune(schema, manifest))


def version_of(manifest: Manifest) -> str:
    return str(manifest["apiVersion"].partition("/")[2])


def by_cel(new: Manifest, old: Manifest | None = None) -> list[str]:
    found = broken_rules(DOCUMENTS[version_of(new)], new, old)
    return sorted(message for _, message in found)


def by_code(new: Manifest, old: Manifest | None = None) -> list[str]:
    before = msgspec.convert(old, Workspace) if old is not None else None
    found = validate_workspace(msgspec.convert(new, Workspace), before)
    spoken = (spoken_rule(error.detail) for error in found)
    return sorted(message for message in spoken if message)


def spoken_rule(detail: str) -> str:
    return next((message for message in MESSAGES if detail.startswith(message)), "")


CREATED = {**SOUND, **{name: new for name, (new, _) in WRONG.items()}}


@pytest.mark.parametrize("new", CREATED.values(), ids=CREATED.keys())
def test_every_case_of_the_table_is_judged_alike_on_create(new: Manifest) -> None:
    complete = shaped(new)
    assert validate(SCHEMAS[version_of(new)], complete) == ()
    assert by_cel(complete) == by_code(complete)


@pytest.mark.parametrize("case", CHANGES.values(), ids=CHANGES.keys())
def test_every_case_of_the_table_is_judged_alike_on_update(
    case: tuple[Manifest, Manifest, str],
) -> None:
    old, new = shaped(case[0]), shaped(case[1])
    assert by_cel(new, old) == by_code(new, old)


def test_every_rule_is_broken_by_some_case_of_the_tables() -> None:
    broken = {message for new, _ in WRONG.values() for message in by_cel(shaped(new))}
    for old, new, _ in CHANGES.values():
        broken |= set(by_cel(shaped(new), shaped(old)))
    # The schema's own maxItems refuses an eleventh adapter before CEL is asked.
    unbroken = {rule.message for rule in WORKSPACE_RULES} - broken
    assert [message[:40] for message in unbroken] == ["Number of Adapters exceeds the maximum l"]


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Manifest]:
    """Objects with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


TEXTS = st.sampled_from(["", "a", "b", "A", "a.b", "-", "a\n", "1", "é"])
IMAGES = st.one_of(
    TEXTS,
    st.sampled_from(
        [
            "example.com/a:1",
            "example.com:5000/a/b",
            "REG/a:1",
            "a/B:1",
            "[::1]:5000/a:1",
            f"a@sha256:{'0' * 64}",
            "a/b:",
            "a//b:1",
            "a__b/c--d:1",
        ]
    ),
)
STRENGTHS = st.one_of(
    st.sampled_from(["", "0", "1", "1.", ".", "1e0", "1e-99", "+.5", "-0", "2", "nan", "inf"]),
    st.sampled_from(["0x1", "1_0", "\u0661", " 1", "1 ", "1e400", "0.5\n", "e1"]),
    st.floats(-2, 2).map(str),
    st.text(alphabet="0123456789.eE+-", max_size=8),
)
VOLUMES: st.SearchStrategy[Manifest] = st.sampled_from([{}, {"emptyDir": {}}])
LABELS = st.dictionaries(
    st.sampled_from(["apps", "kaito.sh/workspace", "karpenter.kaito.sh/managed-by"]),
    st.sampled_from(["", "w"]),
    max_size=2,
)
EXPRESSIONS = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(["apps", "kaito.sh/ragengine"]),
            "operator": st.sampled_from(["In", "NotIn", "Exists"]),
        },
        optional={"values": st.lists(st.sampled_from(["a", "b"]), max_size=2)},
    ),
    max_size=2,
)
PRESETS = st.fixed_dictionaries(
    {"name": st.sampled_from(["phi-4", "phi-2"])},
    optional={
        "accessMode": st.sampled_from(["public", "private"]),
        "presetOptions": optional(
            image=IMAGES,
            imagePullSecrets=st.lists(TEXTS, max_size=2),
            modelAccessSecret=TEXTS,
        ),
    },
)
SOURCES = optional(
    name=TEXTS,
    urls=st.lists(
        st.sampled_from(["", "http://a", "HTTPS://a/b?c", "ftp://a", "http:// a", "http://a\n"]),
        max_size=2,
    ),
    image=IMAGES,
    volumeSource=VOLUMES,
)
RESOURCES = st.fixed_dictionaries(
    {"labelSelector": optional(matchLabels=LABELS, matchExpressions=EXPRESSIONS)},
    optional={
        "instanceType": st.sampled_from(["", "T", "U"]),
        "count": st.integers(-1, 3),
        "partition": st.fixed_dictionaries(
            {"mode": st.sampled_from(["mig", "accelerator"])},
            optional={"profile": TEXTS, "count": st.integers(1, 3)},
        ),
    },
)
INFERENCES = optional(
    preset=PRESETS,
    template=st.sampled_from([{}, {"spec": {"containers": [{"name": "c"}]}}]),
    config=TEXTS,
    adapters=st.lists(optional(source=SOURCES, strength=STRENGTHS), max_size=3),
)
TUNINGS = optional(
    preset=PRESETS,
    method=st.sampled_from(["", "lora", "LoRA", "qlora", "QLORA", "full", "lora\n"]),
    config=TEXTS,
    input=SOURCES,
    output=optional(image=IMAGES, imagePushSecret=TEXTS, volumeSource=VOLUMES),
)
NAMES = ("w", "4", "a.b", "a" * 52, "a" * 53, "a" * 54, "a" * 63, "1" * 63, "a" * 64)
OBJECTS = st.fixed_dictionaries(
    {
        "apiVersion": st.sampled_from(["kaito.sh/v1alpha1", "kaito.sh/v1beta1"]),
        "kind": st.just("Workspace"),
        "metadata": st.sampled_from([{"name": name} for name in NAMES]),
    },
    optional={"resource": RESOURCES, "inference": INFERENCES, "tuning": TUNINGS},
).map(shaped)

slow = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@slow
@given(OBJECTS)
def test_any_object_is_judged_alike_on_create(new: Manifest) -> None:
    assert by_cel(new) == by_code(new)


@slow
@given(OBJECTS, OBJECTS)
def test_code_never_refuses_an_update_that_the_crd_admits(new: Manifest, old: Manifest) -> None:
    """The other way round it may: code forgives an old fault wherever it is, CEL an equal part."""
    new, old = {**new, **{key: old[key] for key in ("apiVersion", "metadata")}}, shaped(old)
    new = shaped(new)
    refused, said = set(by_cel(new, old)), set(by_code(new, old))
    assert said <= refused
    if not by_cel(old):
        assert said == refused


@pytest.mark.parametrize("name", ["4-phi", "my.model", "a" * 53])
def test_what_was_stored_under_another_rule_for_names_can_be_changed(name: str) -> None:
    """Its status shows CEL that it is stored; what is created has none."""
    old = workspace(metadata={"name": name}, status={"state": "Pending"})
    new = {**old, "metadata": {"name": name, "finalizers": []}}
    assert by_cel(shaped(new), shaped(old)) == by_code(shaped(new), shaped(old)) == []
    assert by_cel(shaped(workspace(metadata={"name": name})))
