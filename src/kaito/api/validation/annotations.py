"""Rules of the annotations that change what is done. A CRD cannot see annotations: code only."""

from collections.abc import Iterator

from kaito.api import labels
from kaito.api.field_error import FieldError
from kaito.api.validation.surroundings import Surroundings
from kaito.api.workspace import Workspace

RUNTIMES = ("vllm", "transformers")
PERFORMANCE_MODES = ("balanced", "interactivity", "throughput")
ROLLOUTS = ("auto", "surge", "replace")
NODE_IMAGE_FAMILIES = ("azurelinux", "ubuntu")
_YES_OR_NO = ("true", "false")

_CHOICES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (labels.RUNTIME, RUNTIMES, "is not a runtime"),
    (labels.PERFORMANCE_MODE, PERFORMANCE_MODES, "is not a valid performance mode"),
    (labels.ROLLOUT, ROLLOUTS, "is not a way to roll out"),
    (labels.USE_LOCAL_WEIGHTS, _YES_OR_NO, 'must be "true" or "false"'),
    (labels.ALLOW_PICKLE, _YES_OR_NO, 'must be "true" or "false"'),
)


def check_annotations(new: Workspace, around: Surroundings) -> Iterator[FieldError]:
    """Values that nothing would act on."""
    annotations = new.metadata.annotations
    for key, choices, complaint in _CHOICES:
        value = annotations.get(key)
        if value is not None and value not in choices:
            chosen = f"choose one of: {', '.join(choices)}"
            yield FieldError(annotation_path(key), f"{value!r} {complaint}; {chosen}")
    family = annotations.get(labels.NODE_IMAGE_FAMILY)
    if family is not None and family.lower() not in NODE_IMAGE_FAMILIES:
        yield FieldError(
            annotation_path(labels.NODE_IMAGE_FAMILY),
            f"unsupported node image family {family!r}, supported values are "
            f"{', '.join(NODE_IMAGE_FAMILIES)}",
        )
    waiting = annotations.get(labels.MAX_WAITING)
    if waiting is not None and waiting != "-1" and not (waiting.isdecimal() and int(waiting)):
        yield FieldError(
            annotation_path(labels.MAX_WAITING),
            f"{waiting!r} is not a number of requests; write one of at least 1, or -1 for no limit",
        )
    name = annotations.get(labels.NODE_CLASS_NAME)
    if name and around.node_classes is not None and name not in around.node_classes:
        yield FieldError(
            annotation_path(labels.NODE_CLASS_NAME),
            f"{name!r} is not a KAITO-managed NodeClass, supported values are "
            f"{', '.join(sorted(around.node_classes)) or 'none'}",
        )


def check_annotation_changes(new: Workspace, old: Workspace) -> Iterator[FieldError]:
    """Annotations that decide how a workload was built and cannot be followed later."""
    key = labels.MODEL_STREAMING
    if new.metadata.annotations.get(key) != old.metadata.annotations.get(key):
        yield FieldError(
            annotation_path(key),
            "annotation is immutable; delete the workspace and recreate it",
        )


def annotation_path(key: str) -> str:
    """The path of an annotation in messages."""
    return f"metadata.annotations[{key}]"
