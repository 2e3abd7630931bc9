"""The rules of a MultiRoleInference: in its CRD as CEL, and here."""

from collections.abc import Iterator
from dataclasses import replace

from kaito.api.field_error import FieldError
from kaito.api.multirole import MultiRoleInference
from kaito.api.rules import (
    AnyOf,
    Equals,
    Filled,
    Present,
    Rule,
    Some,
    Unchanged,
    implies,
)
from kaito.api.validation.judging import judge
from kaito.api.validation.object_name import MULTIROLE_NAME_RULE
from kaito.api.validation.resource import check_selector, instance_type_problem
from kaito.api.validation.surroundings import Surroundings
from kaito.api.validation.workspace_rules import selector_rules

_ANYWHERE = Surroundings()
_SELECTS = AnyOf((Filled("matchLabels"), Filled("matchExpressions")))

MULTIROLE_RULES: tuple[Rule, ...] = (
    MULTIROLE_NAME_RULE,
    Rule(
        expression=Present("spec"),
        blames="spec",
        reason="FieldValueRequired",
        message="is required: it names the model, the nodes and the two roles",
    ),
    Rule(
        path="spec.labelSelector",
        expression=_SELECTS,
        message="labelSelector must have at least one matchLabels or matchExpressions entry, "
        "for example matchLabels with apps: my-model",
    ),
    *(
        replace(rule, expression=implies(_SELECTS, rule.expression))
        for rule in selector_rules("spec.labelSelector")
    ),
    Rule(
        path="spec.model",
        expression=Filled("name"),
        blames="name",
        reason="FieldValueRequired",
        message="is required: it names the model; see `kaito models list`",
    ),
    Rule(
        path="spec.model",
        expression=Unchanged("name"),
        blames="name",
        message="model name is immutable; delete the MultiRoleInference and recreate it",
    ),
    *(
        Rule(
            path="spec",
            expression=Some("roles", Equals("type", role)),
            blames="roles",
            message=f"missing {role} role: exactly one prefill and one decode role required",
        )
        for role in ("prefill", "decode")
    ),
)


def validate_multirole(
    new: MultiRoleInference, old: MultiRoleInference | None = None, around: Surroundings = _ANYWHERE
) -> tuple[FieldError, ...]:
    """Every broken rule; on update only those that the stored object kept."""
    return judge(new, old, rules=MULTIROLE_RULES, facts=lambda item: _check_facts(item, around))


def _check_facts(new: MultiRoleInference, around: Surroundings) -> Iterator[FieldError]:
    """What the catalogue, labels and the way nodes are provided say."""
    if new.spec is None:
        return
    name = new.spec.model.name
    if name and (problem := around.find_model(name).problem):
        yield FieldError("spec.model.name", problem)
    yield from check_selector("spec.labelSelector", new.spec.label_selector)
    for index, role in enumerate(new.spec.roles):
        if problem := instance_type_problem(role.instance_type, around):
            yield FieldError(f"spec.roles[{index}].instanceType", problem)
