"""The CustomResourceDefinition of Workspace, v1alpha1 and v1beta1, as data."""

from kaito.api import labels
from kaito.api.crd.definition import AGE, Column, Definition, Version, condition_column
from kaito.api.validation.workspace_rules import WORKSPACE_RULES
from kaito.api.workspace import DEFAULT_INSTANCE_TYPE, Workspace

_COLUMNS = (
    Column(name="Instance", path=".resource.instanceType"),
    *map(condition_column, ("ResourceReady", "InferenceReady", "JobStarted", "WorkspaceReady")),
    AGE,
    condition_column("WorkspaceSucceeded", priority=1),
    Column(name="TargetNodeCount", path=".status.targetNodeCount", type="integer", priority=1),
    Column(name="State", path=".status.state", priority=1),
)

SELECTOR_LIMITS = {
    "matchLabels": {"maxProperties": 64},
    "matchExpressions": {"maxItems": 64},
    "matchExpressions[].key": {"maxLength": 317},
    "matchExpressions[].values": {"maxItems": 64},
}
"""Of a metav1.LabelSelector, by path below it. 317: a prefix of 253, a slash, a name of 63."""


def limits_below(path: str, limits: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """The same limits under `path`."""
    return {f"{path}.{name}": keywords for name, keywords in limits.items()}


PRESET_LIMITS = {
    "name": {"maxLength": 253},
    "presetOptions.image": {"maxLength": 1024},
    "presetOptions.imagePullSecrets": {"maxItems": 64},
    "presetOptions.imagePullSecrets[]": {"maxLength": 253},
    "presetOptions.modelAccessSecret": {"maxLength": 253},
}
"""Of a PresetSpec."""
SOURCE_LIMITS = {
    "name": {"maxLength": 253},
    "image": {"maxLength": 1024},
    "urls": {"maxItems": 256},
    "urls[]": {"maxLength": 8192},
}
"""Of a DataSource."""
_ADAPTER_SOURCE_LIMITS = {
    **SOURCE_LIMITS,
    # An API server reckons what matching each of them could cost, times the number of adapters.
    "urls": {"maxItems": 16},
    "urls[]": {"maxLength": 1024},
}
INFERENCE_LIMITS = {
    **limits_below("preset", PRESET_LIMITS),
    **limits_below("adapters[].source", _ADAPTER_SOURCE_LIMITS),
    "adapters[].strength": {"maxLength": 64},
}
"""Of an InferenceSpec."""
_LIMITS = {
    **limits_below("resource.labelSelector", SELECTOR_LIMITS),
    "resource.instanceType": {"maxLength": 253},
    "resource.partition.profile": {"maxLength": 63},
    **limits_below("inference", INFERENCE_LIMITS),
    **limits_below("tuning.preset", PRESET_LIMITS),
    **limits_below("tuning.input", SOURCE_LIMITS),
    "tuning.method": {"maxLength": 16},
    "tuning.output.image": {"maxLength": 1024},
    "tuning.output.imagePushSecret": {"maxLength": 253},
}

WORKSPACE = Definition(
    group=labels.GROUP,
    kind="Workspace",
    plural="workspaces",
    short_names=("wk", "wks"),
    categories=("workspace",),
    versions=(
        Version(
            name="v1alpha1",
            type=Workspace,
            columns=_COLUMNS,
            rules=WORKSPACE_RULES,
            limits={key: value for key, value in _LIMITS.items() if "partition" not in key},
            without=("resource.partition",),
            defaults={"resource.instanceType": DEFAULT_INSTANCE_TYPE},
        ),
        Version(
            name="v1beta1",
            type=Workspace,
            is_stored=True,
            columns=_COLUMNS,
            rules=WORKSPACE_RULES,
            limits=_LIMITS,
        ),
    ),
)
