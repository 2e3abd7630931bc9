"""The rules of an InferenceSet: in its CRD as CEL, and here.

What a replica has to keep are the rules of a Workspace, told by where its parts come from in the
set. Both versions have the same rules, and so do replicas, which are v1beta1 whichever it is.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from kaito.api.field_error import FieldError
from kaito.api.inferenceset import InferenceSet, to_replica
from kaito.api.rules import (
    All,
    Filled,
    Present,
    Rule,
    Unchanged,
    kept,
    not_both,
)
from kaito.api.schedule import parse_schedule, parse_window
from kaito.api.validation.judging import broken, judge
from kaito.api.validation.object_name import INFERENCESET_NAME_RULE
from kaito.api.validation.surroundings import Surroundings
from kaito.api.validation.workspace import validate_workspace
from kaito.api.validation.workspace_rules import (
    inference_rules,
    partition_rules,
    selector_rules,
)

_ANYWHERE = Surroundings()
_TEMPLATE = "spec.template"
_WINDOW = "spec.autoUpgrade.maintenanceWindow"


def _of_replicas(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules of v1beta1, for both versions of the set."""
    return tuple(replace(rule, versions=()) for rule in rules if rule.applies_to("v1beta1"))


INFERENCESET_RULES: tuple[Rule, ...] = (
    INFERENCESET_NAME_RULE,
    Rule(
        expression=Present("spec"),
        blames="spec",
        reason="FieldValueRequired",
        message="is required: it holds labelSelector and template",
    ),
    *selector_rules("spec.labelSelector"),
    *_of_replicas(partition_rules(f"{_TEMPLATE}.resource.partition")),
    Rule(
        path=f"{_TEMPLATE}.resource",
        expression=not_both(Present("partition"), Filled("instanceType")),
        blames="partition",
        reason="FieldValueForbidden",
        message="GPU partitioning is only supported with BYO nodes: remove instanceType or it",
    ),
    Rule(
        path=_TEMPLATE,
        expression=All(
            (
                kept(Present("resource.partition")),
                Unchanged("resource.partition.mode"),
                Unchanged("resource.partition.profile"),
                Unchanged("resource.partition.count", 0),
            )
        ),
        blames="resource.partition",
        reason="FieldValueForbidden",
        message="field is immutable; delete the InferenceSet and recreate it",
    ),
    *_of_replicas(inference_rules(f"{_TEMPLATE}.inference")),
    Rule(
        path=_WINDOW,
        expression=Filled("schedule"),
        blames="schedule",
        reason="FieldValueRequired",
        message="is required: five cron fields in UTC, such as 0 2 * * 6",
    ),
)


def validate_inferenceset(
    new: InferenceSet, old: InferenceSet | None = None, around: Surroundings = _ANYWHERE
) -> tuple[FieldError, ...]:
    """Every broken rule; on update only those that the stored object kept."""
    return judge(new, old, rules=INFERENCESET_RULES, facts=lambda item: _check_facts(item, around))


def _check_facts(new: InferenceSet, around: Surroundings) -> Iterator[FieldError]:
    """What is wrong with the window of upgrades, and with what replicas would be."""
    if new.spec is None:
        return
    upgrade = new.spec.auto_upgrade
    if upgrade is not None and upgrade.maintenance_window is not None:
        window = upgrade.maintenance_window
        if window.schedule:
            complaint = _complaint(parse_schedule, window.schedule)
            yield from _error(f"{_WINDOW}.schedule", complaint, "invalid cron expression: ")
        yield from _error(f"{_WINDOW}.duration", _complaint(parse_window, window.duration))
    told = {*broken(INFERENCESET_RULES, new)}
    for error in validate_workspace(to_replica(new.metadata, new.spec), around=around):
        # A replica's name is made from the set's, which is judged with the set.
        mapped = FieldError(_path_in_set(error.path), error.detail)
        if error.path != "metadata.name" and mapped not in told:
            yield mapped


def _complaint(parse: Callable[[str], object], text: str) -> str:
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return ""


def _error(path: str, complaint: str, prefix: str = "") -> Iterator[FieldError]:
    if complaint:
        yield FieldError(path, f"{prefix}{complaint}")


def _path_in_set(path: str) -> str:
    """Where a replica's field comes from in the set."""
    if path == "resource" or not path:
        return _TEMPLATE
    if path.startswith("resource.labelSelector"):
        return f"spec.{path.removeprefix('resource.')}"
    return f"{_TEMPLATE}.{path}"
