"""The CustomResourceDefinition of MultiRoleInference, as data."""

from kaito.api import labels
from kaito.api.crd.definition import AGE, Column, Definition, Version, condition_column
from kaito.api.crd.workspace import SELECTOR_LIMITS, limits_below
from kaito.api.multirole import MultiRoleInference
from kaito.api.validation.multirole import MULTIROLE_RULES

MULTIROLE = Definition(
    group=labels.GROUP,
    kind="MultiRoleInference",
    plural="multiroleinferences",
    short_names=("mri",),
    categories=("kaito",),
    versions=(
        Version(
            name="v1alpha1",
            type=MultiRoleInference,
            is_stored=True,
            columns=(
                Column(name="Model", path=".spec.model.name"),
                condition_column("Ready"),
                AGE,
            ),
            rules=MULTIROLE_RULES,
            limits={
                **limits_below("spec.labelSelector", SELECTOR_LIMITS),
                "spec.model.name": {"maxLength": 253},
                "spec.roles[].instanceType": {"maxLength": 253},
            },
        ),
    ),
)
