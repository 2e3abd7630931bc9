"""The CustomResourceDefinition of RAGEngine, v1alpha1 (deprecated) and v1beta1, as data.

Both versions have every field, so that nothing is pruned on the way from one to the other.
"""

from kaito.api import labels
from kaito.api.crd.definition import AGE, Column, Definition, Version, condition_column
from kaito.api.crd.workspace import SELECTOR_LIMITS, limits_below
from kaito.api.ragengine import RAGEngine
from kaito.api.validation.ragengine import RAGENGINE_RULES
from kaito.api.workspace import DEFAULT_INSTANCE_TYPE

_COLUMNS = (
    Column(name="Instance", path=".spec.compute.instanceType"),
    condition_column("ResourceReady"),
    condition_column("ServiceReady"),
    AGE,
)
_LIMITS = {
    **limits_below("spec.compute.labelSelector", SELECTOR_LIMITS),
    "spec.compute.instanceType": {"maxLength": 253},
    "spec.embedding.local.image": {"maxLength": 1024},
    "spec.embedding.remote.url": {"maxLength": 8192},
    "spec.inferenceService.url": {"maxLength": 8192},
    "spec.storage.mountPath": {"maxLength": 4096},
    "spec.storage.persistentVolume.mountPath": {"maxLength": 4096},
    "spec.storage.vectorDB.engine": {"maxLength": 63},
    "spec.storage.vectorDB.url": {"maxLength": 8192},
}

_DEPRECATED = (
    f"{labels.GROUP}/v1alpha1 RAGEngine is deprecated; use {labels.GROUP}/v1beta1 RAGEngine"
)

RAGENGINE = Definition(
    group=labels.GROUP,
    kind="RAGEngine",
    plural="ragengines",
    short_names=("rag",),
    categories=("ragengine",),
    versions=(
        Version(
            name="v1alpha1",
            type=RAGEngine,
            columns=_COLUMNS,
            warning=_DEPRECATED,
            rules=RAGENGINE_RULES,
            limits=_LIMITS,
            defaults={"spec.compute.instanceType": DEFAULT_INSTANCE_TYPE},
        ),
        Version(
            name="v1beta1",
            type=RAGEngine,
            is_stored=True,
            columns=_COLUMNS,
            rules=RAGENGINE_RULES,
            limits=_LIMITS,
        ),
    ),
)
