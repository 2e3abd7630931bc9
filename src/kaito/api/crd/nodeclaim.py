"""Karpenter's NodeClaim, as far as we use it: for planes where no Karpenter brings its own."""

from kaito.api import labels
from kaito.api.crd.definition import AGE, Column, Definition, Version, condition_column
from kaito.api.nodeclaim import NodeClaim

NODECLAIM = Definition(
    group=labels.KARPENTER_GROUP,
    kind="NodeClaim",
    plural="nodeclaims",
    categories=("karpenter",),
    is_namespaced=False,
    versions=(
        Version(
            name="v1",
            type=NodeClaim,
            is_stored=True,
            columns=(
                Column(
                    name="Type",
                    path=f'.spec.requirements[?(@.key=="{labels.INSTANCE_TYPE}")].values[0]',
                ),
                Column(name="Node", path=".status.nodeName"),
                condition_column("Ready"),
                AGE,
            ),
            open=("spec", "status"),
        ),
    ),
)
