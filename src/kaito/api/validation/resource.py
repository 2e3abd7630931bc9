"""Rules of the nodes a Workspace asks for, beyond what its CRD says."""

from collections.abc import Iterator

from kaito.api.field_error import FieldError
from kaito.api.selectors import LabelSelector
from kaito.api.validation.names import is_label_key, is_label_value
from kaito.api.validation.surroundings import ENABLE_ACCELERATOR, ENABLE_MIG, Surroundings
from kaito.api.workspace import (
    DEFAULT_INSTANCE_TYPE,
    GpuPartition,
    ResourceSpec,
    Workspace,
)


def check_resource(new: Workspace, around: Surroundings) -> Iterator[FieldError]:
    """Instance type, partition, labels, and the nodes that are there."""
    resource = new.resource
    if resource is None:
        return
    if problem := instance_type_problem(_wanted_type(new, resource, around), around):
        yield FieldError("resource.instanceType", problem)
    if resource.count is not None and resource.count < 1:
        yield FieldError("resource.count", f"must be at least 1, not {resource.count}")
    yield from check_selector("resource.labelSelector", resource.label_selector)
    if resource.partition is not None:
        yield from check_partition("resource.partition", resource.partition, around)
    if around.check_nodes is not None and (problem := around.check_nodes(new)):
        yield FieldError("resource.labelSelector", problem)


def _wanted_type(new: Workspace, resource: ResourceSpec, around: Surroundings) -> str:
    """The instance type the user asked for; what only the schema of v1alpha1 filled in is none."""
    filled_in = new.api_version.endswith("/v1alpha1") and around.provisioning == "existing"
    if filled_in and resource.instance_type == DEFAULT_INSTANCE_TYPE:
        return ""
    return resource.instance_type


def instance_type_problem(name: str, around: Surroundings) -> str:
    """What is wrong with an instance type where nodes are, or are not, made; or an empty text."""
    match around.provisioning:
        case "existing" if name:
            return (
                "instanceType must be empty when node auto-provisioning is disabled (BYO "
                "scenario); remove it"
            )
        case "auto" if not name:
            return (
                "instanceType is required when node auto-provisioning is enabled, such as "
                f"{DEFAULT_INSTANCE_TYPE}"
            )
    return around.check_instance_type(name) if name else ""


def check_selector(path: str, selector: LabelSelector) -> Iterator[FieldError]:
    """Labels that no node can have."""
    for key, value in selector.match_labels.items():
        yield from _check_label(f"{path}.matchLabels", key, value)
    for index, term in enumerate(selector.match_expressions):
        for value in term.values or ("",):
            yield from _check_label(f"{path}.matchExpressions[{index}]", term.key, value)


def _check_label(path: str, key: str, value: str) -> Iterator[FieldError]:
    if not is_label_key(key):
        yield FieldError(path, f"{key!r} is not a label's key, such as apps or example.com/apps")
    if not is_label_value(value):
        yield FieldError(
            path,
            f"{value!r} is not a label's value: at most 63 letters, digits, '-', '_' and '.'",
        )


def check_partition(
    path: str, partition: GpuPartition, around: Surroundings
) -> Iterator[FieldError]:
    """Gates and profiles."""
    if around.provisioning == "auto":
        yield FieldError(
            path,
            "GPU partitioning is only supported with BYO nodes (disableNodeAutoProvisioning=true)",
        )
    if partition.mode == "mig":
        if ENABLE_MIG not in around.feature_gates:
            yield FieldError(
                f"{path}.mode", "MIG support is not enabled, set feature gate enableMIG=true"
            )
        profile = partition.profile
        if profile and around.mig_profiles and profile not in around.mig_profiles:
            known = ", ".join(sorted(around.mig_profiles))
            yield FieldError(f"{path}.profile", f"{profile!r} is no MIG profile; known: {known}")
    elif ENABLE_ACCELERATOR not in around.feature_gates:
        yield FieldError(
            f"{path}.mode",
            "accelerator partition support is not enabled, set feature gate enableAccelerator=true",
        )
