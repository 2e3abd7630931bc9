"""The rules of a ModelMirror: in its CRD as CEL, and here."""

from collections.abc import Iterator
from dataclasses import dataclass

from kaito.api.field_error import FieldError
from kaito.api.modelmirror import ModelMirror
from kaito.api.rules import (
    All,
    AnyOf,
    Equals,
    Expression,
    Filled,
    Json,
    Matches,
    Not,
    Present,
    Rule,
    implies,
)
from kaito.api.validation.judging import broken, judge
from kaito.api.validation.object_name import MODELMIRROR_NAME_RULE
from kaito.api.validation.surroundings import Surroundings
from kaito.api.weight_source import BUCKET_ENDPOINT, BUCKET_REGION, BUCKET_URL
from kaito.base.quantity import parse_quantity

_ANYWHERE = Surroundings()
_QUANTITY = "[+]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,2}|[KMGTPE]i|[numkMGTPE])?"


@dataclass(frozen=True, slots=True)
class _Same:
    """The whole object is what it was; makes a transition rule."""

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        return f"{at} == oldSelf"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        return bool(new == old)


def _managed(expression: Expression) -> Expression:
    return implies(Not(Equals("mode", "Static")), expression)


def _static(expression: Expression) -> Expression:
    return implies(Equals("mode", "Static"), expression)


_BUCKET = Present("storage.bucket")
_HAS_SIZE = AnyOf((Filled("storage.size"), All((Present("storage"), Not(_BUCKET)))))
"""A volume needs a size; with a bucket it is a limit, which may be left out."""

MODELMIRROR_RULES: tuple[Rule, ...] = (
    MODELMIRROR_NAME_RULE,
    Rule(
        expression=Present("spec"),
        blames="spec",
        reason="FieldValueRequired",
        message="is required: it says which model to keep, and where",
    ),
    Rule(
        path="spec",
        expression=_Same(),
        message="ModelMirror spec is immutable; delete and recreate to change",
    ),
    Rule(
        path="spec",
        expression=_static(Not(Present("source"))),
        blames="source",
        reason="FieldValueForbidden",
        message="must not be set with mode Static, which stands for storage that has the weights "
        "already; remove source, or set mode: Managed",
    ),
    Rule(
        path="spec",
        expression=_static(implies(Present("storage"), _BUCKET)),
        blames="storage",
        reason="FieldValueForbidden",
        message="must not be set with mode Static, but for a bucket that has the weights already; "
        "remove storage, or set mode: Managed",
    ),
    Rule(
        path="spec",
        expression=implies(_BUCKET, Matches("storage.bucket.url", BUCKET_URL)),
        blames="storage.bucket.url",
        message="must be s3://BUCKET or s3://BUCKET/FOLDER",
        shows="storage.bucket.url",
    ),
    Rule(
        path="spec",
        expression=implies(
            Filled("storage.bucket.endpoint"),
            Matches("storage.bucket.endpoint", BUCKET_ENDPOINT),
        ),
        blames="storage.bucket.endpoint",
        message="must be the service's own address, such as https://minio.example.com:9000",
        shows="storage.bucket.endpoint",
    ),
    Rule(
        path="spec",
        expression=implies(
            Filled("storage.bucket.region"), Matches("storage.bucket.region", BUCKET_REGION)
        ),
        blames="storage.bucket.region",
        message="must be a region such as eu-west-1",
        shows="storage.bucket.region",
    ),
    Rule(
        path="spec",
        expression=implies(_BUCKET, Not(Filled("storage.storageClassName"))),
        blames="storage.storageClassName",
        reason="FieldValueForbidden",
        message="is the class of a volume, and this mirror is in a bucket; remove one of them",
    ),
    Rule(
        path="spec",
        expression=_managed(Present("source")),
        blames="source",
        reason="FieldValueRequired",
        message="is required with mode Managed; set registry: huggingface and a modelID",
    ),
    Rule(
        path="spec",
        expression=_managed(implies(Present("source"), Filled("source.modelID"))),
        blames="source.modelID",
        reason="FieldValueRequired",
        message="is required: it names the model on the hub, such as microsoft/phi-4",
    ),
    Rule(
        path="spec",
        expression=_managed(Present("storage")),
        blames="storage",
        reason="FieldValueRequired",
        message="is required with mode Managed; set size and storageClassName, or a bucket",
    ),
    Rule(
        path="spec",
        expression=_managed(implies(_HAS_SIZE, Matches("storage.size", _QUANTITY))),
        blames="storage.size",
        message="must be a quantity such as 107Gi",
        shows="storage.size",
    ),
)


def validate_modelmirror(
    new: ModelMirror, old: ModelMirror | None = None, around: Surroundings = _ANYWHERE
) -> tuple[FieldError, ...]:
    """Every broken rule. On update only whether anything changed: nothing may."""
    del around
    if old is None or new.metadata.is_deleting:
        return judge(new, old, rules=MODELMIRROR_RULES, facts=_check_size)
    changes = (rule for rule in MODELMIRROR_RULES if rule.is_transition or not rule.path)
    return tuple(broken(changes, new, old))


def _check_size(new: ModelMirror) -> Iterator[FieldError]:
    """CEL cannot compare quantities in every release of Kubernetes that is in use."""
    spec = new.spec
    if spec is None or spec.storage is None or not spec.storage.size:
        return
    try:
        size = parse_quantity(spec.storage.size)
    except ValueError:
        return  # a rule says so
    if size == 0:
        yield FieldError("spec.storage.size", f"must be above 0, not {spec.storage.size!r}")
