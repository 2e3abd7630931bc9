"""The CustomResourceDefinition of InferenceSet, v1alpha1 and v1beta1, as data."""

from kaito.api import labels
from kaito.api.crd.definition import AGE, Column, Definition, Scale, Version
from kaito.api.crd.workspace import INFERENCE_LIMITS, SELECTOR_LIMITS, limits_below
from kaito.api.inferenceset import InferenceSet
from kaito.api.validation.inferenceset import INFERENCESET_RULES

_COLUMNS = (
    Column(name="Replicas", path=".spec.replicas", type="integer"),
    Column(name="ReadyReplicas", path=".status.readyReplicas", type="integer"),
    AGE,
)
_LIMITS = {
    **limits_below("spec.labelSelector", SELECTOR_LIMITS),
    **limits_below("spec.template.inference", INFERENCE_LIMITS),
    "spec.template.resource.instanceType": {"maxLength": 253},
    "spec.template.resource.partition.profile": {"maxLength": 63},
}


def _version(name: str, *, is_stored: bool) -> Version:
    return Version(
        name=name,
        type=InferenceSet,
        is_stored=is_stored,
        columns=_COLUMNS,
        scale=Scale(selector=".status.selector"),
        rules=INFERENCESET_RULES,
        limits=_LIMITS,
    )


INFERENCESET = Definition(
    group=labels.GROUP,
    kind="InferenceSet",
    plural="inferencesets",
    short_names=("is", "isets"),
    categories=("inferenceset",),
    versions=(_version("v1alpha1", is_stored=False), _version("v1beta1", is_stored=True)),
)
