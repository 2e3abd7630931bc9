"""Every rule of a Workspace, on create and on update.

Rules of the object alone come from `workspace_rules`; the other modules add what needs the
catalogue, instance types, ConfigMaps, nodes or a plan. Nothing here asks the network.
"""

from collections.abc import Iterator

import msgspec

from kaito.api import labels
from kaito.api.field_error import FieldError
from kaito.api.meta import Manifest
from kaito.api.rules import Rule, check_rules
from kaito.api.validation.annotations import check_annotation_changes, check_annotations
from kaito.api.validation.config_files import check_configs, known_config
from kaito.api.validation.model import check_models
from kaito.api.validation.resource import check_resource
from kaito.api.validation.surroundings import Surroundings
from kaito.api.validation.urls import check_data_url, host_of
from kaito.api.validation.workspace_rules import IMMUTABLE, WORKSPACE_RULES
from kaito.api.workspace import DataDestination, DataSource, InferenceSpec, TuningSpec, Workspace

_STATE_RULES = tuple(rule for rule in WORKSPACE_RULES if not rule.is_transition)
_CHANGE_RULES = tuple(rule for rule in WORKSPACE_RULES if rule.is_transition)
_ANYWHERE = Surroundings()


def validate_workspace(
    new: Workspace, old: Workspace | None = None, *, around: Surroundings = _ANYWHERE
) -> tuple[FieldError, ...]:
    """Every broken rule; empty when the Workspace may be stored.

    On update (`old` given) a fault that was there before is not held against the change, so that an
    object admitted under other rules, or in other surroundings, can still be edited elsewhere. One
    that is being deleted is not judged at all.
    """
    if new.metadata.is_deleting:
        return ()
    found = tuple(_faults(new, around))
    if old is None:
        return found
    if found:
        known = set(_faults(old, around))
        found = tuple(error for error in found if error not in known)
    return (*_changes(new, old, around), *found)


def _faults(new: Workspace, around: Surroundings) -> Iterator[FieldError]:
    """What is wrong with a Workspace whatever it was before."""
    broken = tuple(_own_faults(new, around))
    yield from broken
    # A plan for something that is wrong anyway would only be a second, stranger complaint.
    if broken or around.check_plan is None:
        return
    if labels.BYPASS_RESOURCE_CHECKS not in new.metadata.annotations:
        problem = around.check_plan(new, known_config(new, around))
        yield from (problem,) if problem else ()


def _own_faults(new: Workspace, around: Surroundings) -> Iterator[FieldError]:
    yield from _check(_STATE_RULES, new)
    yield from check_resource(new, around)
    yield from check_annotations(new, around)
    yield from check_models(new, around)
    if new.inference is not None:
        yield from _inference(new.inference)
    if new.tuning is not None:
        yield from _tuning(new.tuning, around)
    yield from check_configs(new, around)


def _changes(new: Workspace, old: Workspace, around: Surroundings) -> Iterator[FieldError]:
    """What may not change."""
    yield from _check(_CHANGE_RULES, new, old)
    if new.resource is not None and old.resource is not None:
        is_cleared = old.resource.instance_type and not new.resource.instance_type
        if is_cleared and around.provisioning == "auto":
            yield FieldError("resource.instanceType", IMMUTABLE)
        if _version(new) == "v1alpha1" and new.resource.partition != old.resource.partition:
            # The older version has no such field: writing through it would drop it.
            yield FieldError("resource.partition", f"{IMMUTABLE}, or write it as kaito.sh/v1beta1")
    yield from check_annotation_changes(new, old)


def _check(
    rules: tuple[Rule, ...], new: Workspace, old: Workspace | None = None
) -> Iterator[FieldError]:
    before = None if old is None else _manifest(old)
    return check_rules(rules, _manifest(new), before, version=_version(new))


def _manifest(workspace: Workspace) -> Manifest:
    manifest: Manifest = msgspec.to_builtins(workspace)
    return manifest


def _version(workspace: Workspace) -> str:
    return workspace.api_version.partition("/")[2] or "v1beta1"


def _inference(spec: InferenceSpec) -> Iterator[FieldError]:
    if spec.template is not None and not _has_containers(spec.template):
        yield FieldError("inference.template.spec.containers", "at least one container is required")
    for index, adapter in enumerate(spec.adapters):
        if adapter.source is not None:
            yield from _volume(f"inference.adapters[{index}].source", adapter.source)


def _has_containers(template: Manifest) -> bool:
    spec = template.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    return isinstance(containers, list) and bool(containers)


def _tuning(spec: TuningSpec, around: Surroundings) -> Iterator[FieldError]:
    if spec.input is not None:
        for index, url in enumerate(spec.input.urls):
            allowed = around.allow_private_urls or host_of(url) in around.private_hosts
            problem = check_data_url(url, allow_private=allowed)
            # Another scheme is the CRD's to refuse: one complaint a fault.
            if problem and url[:7].lower().startswith(("http://", "https:/")):
                yield FieldError(f"tuning.input.urls[{index}]", f"{problem}: {url!r}")
        yield from _volume("tuning.input", spec.input)
    if spec.output is not None:
        yield from _volume("tuning.output", spec.output)


def _volume(path: str, holder: DataSource | DataDestination) -> Iterator[FieldError]:
    volume = holder.volume_source
    if volume is not None and len(volume) != 1:
        yield FieldError(
            f"{path}.volumeSource",
            "must name one kind of volume, such as {persistentVolumeClaim: {claimName: my-claim}}",
        )
