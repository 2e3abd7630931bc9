"""Which names an object may have, by what an API server demands of all that is named after it.

| named after it | demand | so the name has |
|---|---|---|
| label of everything made for it | a label's value | at most 63 characters |
| Services NAME and NAME-headless | a DNS-1035 label of at most 63 | a letter first, no dots, 54 |
| StatefulSet NAME | its pods' label `controller-revision-hash`: NAME, '-', up to 10 digits | 52 |
| Job NAME, on several nodes with NAME-headless | its pods' label `job-name`, hostnames | 63, 54 |
| Workspaces of an InferenceSet | NAME, '-', 5 characters, as the API server generates them | 46 |
| InferenceSets of a MultiRoleInference | NAME-prefill | 38 |

https://kubernetes.io/docs/concepts/overview/working-with-objects/names/. A name cannot be changed,
so these rules are for new objects: what is stored already can be edited and deleted.
"""

from kaito.api.rules import (
    All,
    AtMost,
    Expression,
    Filled,
    Matches,
    Not,
    Present,
    Rule,
    ShorterThan,
    implies,
)
from kaito.api.validation.names import DNS_LABEL, LONGEST_LABEL, service_name

_HEADLESS = LONGEST_LABEL - len("-headless")
_STATEFULSET = LONGEST_LABEL - len("-4294967295")
_INFERENCESET = _STATEFULSET - len("-xxxxx")
_MULTIROLE = _INFERENCESET - len("-prefill")

_INFERENCE = Present("inference")
_ONE_NODE = AtMost("resource.count", 1)
_GROUP = All((Not(_INFERENCE), Not(_ONE_NODE)))
_ALONE = All((Not(_INFERENCE), _ONE_NODE))
_STATIC_VOLUME = All((Not(Present("spec.source")), Not(Present("spec.storage.bucket"))))


def _rule(names: Expression, demand: str, *, of: Expression | None = None) -> Rule:
    """A rule of new objects' names; `of` says of which objects.

    The words say what they are about: a CRD has no path that leads into metadata.
    """
    subject = Filled("metadata.name") if of is None else All((Filled("metadata.name"), of))
    return Rule(
        expression=implies(subject, names),
        blames="metadata.name",
        message=f"the name {demand}",
        shows="metadata.name",
        is_for_new=True,
    )


def _service(longest: int, why: str, *, of: Expression | None = None) -> Rule:
    demand = f"must be at most {longest} lower-case letters, digits and '-', a letter first: {why}"
    return _rule(Matches("metadata.name", service_name(longest)), demand, of=of)


WORKSPACE_NAME_RULES = (
    _service(_STATEFULSET, "Services and a StatefulSet have names made from it", of=_INFERENCE),
    _service(_HEADLESS, "a Service has a name made from it", of=_GROUP),
    _rule(
        Matches("metadata.name", DNS_LABEL),
        f"must be a DNS label: lower-case letters, digits and '-', at most {LONGEST_LABEL}",
        of=_ALONE,
    ),
)
INFERENCESET_NAME_RULE = _service(_INFERENCESET, "its Workspaces have names made from it")
MULTIROLE_NAME_RULE = _service(_MULTIROLE, "its Workspaces have names made from it")
RAGENGINE_NAME_RULE = _service(LONGEST_LABEL, "a Service has its name")
MODELMIRROR_NAME_RULE = _rule(
    ShorterThan("metadata.name", LONGEST_LABEL + 1),
    f"must have at most {LONGEST_LABEL} characters: it is a label of the volume and the download",
    of=Not(_STATIC_VOLUME),
)
