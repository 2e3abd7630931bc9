"""The rules of a RAGEngine: in its CRD as CEL, and here. One set for both versions."""

from collections.abc import Iterator

from kaito.api.field_error import FieldError
from kaito.api.ragengine import GuardrailsSpec, RAGEngine
from kaito.api.rules import (
    All,
    AnyOf,
    AtMost,
    Expression,
    Filled,
    Matches,
    Not,
    Present,
    Rule,
    Unchanged,
    Was,
    implies,
    not_both,
)
from kaito.api.validation.judging import judge, version_of
from kaito.api.validation.names import PUSHED_IMAGE
from kaito.api.validation.object_name import RAGENGINE_NAME_RULE
from kaito.api.validation.resource import check_selector, instance_type_problem
from kaito.api.validation.surroundings import Surroundings
from kaito.api.validation.workspace_rules import selector_rules
from kaito.api.workspace import DEFAULT_INSTANCE_TYPE, ResourceSpec

POLICY_KEY = "guardrails.yaml"
"""The key of the ConfigMap that `guardrails.configMapRef` names."""

_ANYWHERE = Surroundings()
_HTTP_URL = "(?i:https?)://[^/?# ]+([/?#][^ ]*)?"
_ENGINES = "(?i:qdrant)"
_RECREATE = "; delete the RAGEngine and recreate it"
_ALL_PURPOSE = "standard_d"
"""Azure's machines without GPUs: the tables know none, and an engine runs on them all the same."""


def _optional(path: str, expression: Expression) -> Expression:
    return implies(Filled(path), expression)


_EMBEDDING = (Present("local"), Present("remote"))
_MODEL = (Filled("image"), Filled("modelID"))
_SAME_NODES = All(
    (
        Unchanged("labelSelector.matchLabels", {}),
        Unchanged("labelSelector.matchExpressions", ()),
    )
)

RAGENGINE_RULES: tuple[Rule, ...] = (
    RAGENGINE_NAME_RULE,
    Rule(
        expression=Present("spec"),
        blames="spec",
        reason="FieldValueRequired",
        message="is required; the least is embedding.local.modelID",
    ),
    Rule(
        path="spec",
        expression=Present("embedding"),
        blames="embedding",
        reason="FieldValueRequired",
        message="Embedding must be specified; add local.modelID, such as BAAI/bge-small-en-v1.5",
    ),
    Rule(
        path="spec.embedding",
        expression=AnyOf(_EMBEDDING),
        message="Either remote embedding or local embedding must be specified, not neither; add "
        "local.modelID, such as BAAI/bge-small-en-v1.5",
    ),
    Rule(
        path="spec.embedding",
        expression=not_both(*_EMBEDDING),
        message="Either remote embedding or local embedding must be specified, but not both; "
        "remove one",
    ),
    Rule(
        path="spec.embedding.local",
        expression=AnyOf(_MODEL),
        message="Either image or modelID must be specified, not neither; add modelID, such as "
        "BAAI/bge-small-en-v1.5",
    ),
    Rule(
        path="spec.embedding.local",
        expression=not_both(*_MODEL),
        message="Either image or modelID must be specified, but not both; remove one",
    ),
    Rule(
        path="spec.embedding.local",
        expression=_optional("image", Matches("image", PUSHED_IMAGE)),
        blames="image",
        message="Invalid image format, require full input image URL with a repository in lower "
        "case and a tag, such as registry.example.com/models/bge:1",
        shows="image",
    ),
    Rule(
        path="spec.embedding.remote",
        expression=Matches("url", _HTTP_URL),
        blames="url",
        message="URL input error: must be an http or https address",
        shows="url",
    ),
    Rule(
        path="spec.inferenceService",
        expression=_optional("url", Matches("url", _HTTP_URL)),
        blames="url",
        message="URL input error: must be an http or https address, such as "
        "http://my-workspace/v1/chat/completions",
        shows="url",
    ),
    Rule(
        path="spec.inferenceService",
        expression=Filled("url"),
        blames="url",
        reason="FieldValueRequired",
        message="is required in v1alpha1; write v1beta1 for an engine that only retrieves",
        versions=("v1alpha1",),
    ),
    Rule(
        path="spec.inferenceService",
        expression=Not(AtMost("contextWindowSize", 0)),
        blames="contextWindowSize",
        message="ContextWindowSize must be a positive integer: the tokens that fit into one "
        "request to the model",
        shows="contextWindowSize",
    ),
    Rule(
        path="spec.storage",
        expression=not_both(Filled("persistentVolumeClaim"), Present("persistentVolume")),
        blames="persistentVolumeClaim",
        message="must not be set beside persistentVolume, which replaces it; remove one",
    ),
    *(
        Rule(
            path=path,
            expression=_optional("mountPath", Matches("mountPath", "/[^:]*")),
            blames="mountPath",
            message="must be an absolute path without a colon, such as /mnt/data",
            shows="mountPath",
        )
        for path in ("spec.storage", "spec.storage.persistentVolume")
    ),
    Rule(
        path="spec.storage.persistentVolume",
        expression=Filled("persistentVolumeClaim"),
        blames="persistentVolumeClaim",
        reason="FieldValueRequired",
        message="is required: it names the PersistentVolumeClaim that holds the index",
    ),
    Rule(
        path="spec.storage.vectorDB",
        expression=Matches("engine", _ENGINES),
        blames="engine",
        message="must be qdrant",
        shows="engine",
    ),
    Rule(
        path="spec.storage.vectorDB",
        expression=Matches("url", _HTTP_URL),
        blames="url",
        message="must be an http or https address, such as http://qdrant:6333",
        shows="url",
    ),
    *selector_rules("spec.compute.labelSelector"),
    Rule(
        path="spec",
        expression=implies(Present("compute"), Was(Present("compute"))),
        blames="compute",
        message=f"Compute resources cannot be added after creation{_RECREATE}",
    ),
    Rule(
        path="spec",
        expression=implies(Was(Present("compute")), Present("compute")),
        blames="compute",
        message=f"Compute resources cannot be removed after creation{_RECREATE}",
    ),
    *(
        Rule(
            path="spec.compute",
            expression=expression,
            blames=field,
            message=f"field is immutable{_RECREATE}",
        )
        for field, expression in (
            ("instanceType", Unchanged("instanceType")),
            ("count", Unchanged("count", 1)),
            ("labelSelector", _SAME_NODES),
        )
    ),
)


def validate_ragengine(
    new: RAGEngine, old: RAGEngine | None = None, around: Surroundings = _ANYWHERE
) -> tuple[FieldError, ...]:
    """Every broken rule; on update only those that the stored object kept."""
    return judge(new, old, rules=RAGENGINE_RULES, facts=lambda item: _check_facts(item, around))


def _check_facts(new: RAGEngine, around: Surroundings) -> Iterator[FieldError]:
    """What instance types, labels and the policy's ConfigMap say."""
    spec = new.spec
    if spec is None:
        return
    if spec.compute is not None:
        if problem := instance_type_problem(_wanted_type(new, spec.compute, around), around):
            yield FieldError("spec.compute.instanceType", problem)
        yield from check_selector("spec.compute.labelSelector", spec.compute.label_selector)
    if spec.guardrails is not None and spec.guardrails.enabled:
        yield from _check_policy(new, spec.guardrails, around)


def _wanted_type(new: RAGEngine, compute: ResourceSpec, around: Surroundings) -> str:
    """The instance type that is worth a complaint; an empty one where there is none."""
    name = compute.instance_type
    if around.provisioning == "existing":
        # The schema of v1alpha1 fills it in, whatever the user wrote.
        is_filled_in = version_of(new) == "v1alpha1" and name == DEFAULT_INSTANCE_TYPE
        return "" if is_filled_in else name
    return DEFAULT_INSTANCE_TYPE if name.lower().startswith(_ALL_PURPOSE) else name


def _check_policy(
    new: RAGEngine, guardrails: GuardrailsSpec, around: Surroundings
) -> Iterator[FieldError]:
    name = guardrails.config_map_ref.name if guardrails.config_map_ref else ""
    if not name or around.find_config is None:
        return
    # One that does not exist yet is no error: manifests may be applied in any order.
    found = around.find_config(new.metadata.namespace or "default", name)
    if found is not None and POLICY_KEY not in found:
        path = "spec.guardrails.configMapRef.name"
        yield FieldError(path, f"ConfigMap {name} has no key {POLICY_KEY}; add it")
