"""Label and field selectors: parse and match.

One implementation for the client's caches, the embedded API server and its controllers. Grammar:
https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kaito.api.meta import Key, Wire

_SET_BASED = re.compile(r"(?P<key>[\w./-]+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)\Z")
_EQUALITY = re.compile(r"(?P<key>[\w./-]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s!=,()]*)\Z")
_EXISTS = re.compile(r"(?P<not>!?)\s*(?P<key>[\w./-]+)\Z")
_TERMS = re.compile(r",(?![^()]*\))")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term: `key` `operator` `values`; operators are In, NotIn, Exists, DoesNotExist."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels satisfy the term. A missing key satisfies NotIn, as in Kubernetes."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
        raise ValueError(
            f"selector operator {self.operator!r} is not In, NotIn, Exists, DoesNotExist"
        )


Selector = tuple[Requirement, ...]
"""Terms that must all hold; the empty selector matches everything."""


class SelectorRequirement(Wire):
    """One entry of `matchExpressions`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(Wire):
    """metav1.LabelSelector."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[SelectorRequirement, ...] = ()

    @property
    def terms(self) -> Selector:
        """The same selector as terms, labels first."""
        equal = (Requirement(key, "In", frozenset({v})) for key, v in self.match_labels.items())
        others = (
            Requirement(e.key, e.operator, frozenset(e.values)) for e in self.match_expressions
        )
        return (*equal, *others)


def select_owned(names: tuple[str, str], owner: Key) -> Selector:
    """What carries the owner's name and namespace under these two labels."""
    wanted = zip(names, (owner.name, owner.namespace), strict=True)
    return tuple(Requirement(name, "In", frozenset({value})) for name, value in wanted)


def parse_label_selector(text: str) -> Selector:
    """The selector of a `labelSelector` query parameter; `ValueError` names a bad term."""
    return tuple(_parse_term(term.strip()) for term in _TERMS.split(text) if term.strip())


def matches_labels(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether every term holds."""
    return all(requirement.matches(labels) for requirement in selector)


def parse_field_selector(text: str) -> tuple[tuple[str, str, bool], ...]:
    """`(path, value, equal)` for each term of a `fieldSelector`; `ValueError` names a bad term."""
    terms = []
    for term in filter(None, (part.strip() for part in text.split(","))):
        path, operator, value = _split_field_term(term)
        terms.append((path, value, operator != "!="))
    return tuple(terms)


def matches_fields(terms: tuple[tuple[str, str, bool], ...], manifest: Mapping[str, Any]) -> bool:
    """Whether an object's fields satisfy every term; an absent field reads as the empty string."""
    return all((_field(manifest, path) == value) is equal for path, value, equal in terms)


def _parse_term(term: str) -> Requirement:
    if found := _SET_BASED.match(term):
        values = frozenset(v.strip() for v in found["values"].split(","))
        return Requirement(found["key"], "In" if found["op"] == "in" else "NotIn", values)
    if found := _EQUALITY.match(term):
        operator = "NotIn" if found["op"] == "!=" else "In"
        return Requirement(found["key"], operator, frozenset({found["value"]}))
    if found := _EXISTS.match(term):
        return Requirement(found["key"], "DoesNotExist" if found["not"] else "Exists")
    raise ValueError(f"unable to parse label selector term {term!r}")


def _split_field_term(term: str) -> tuple[str, str, str]:
    for operator in ("!=", "==", "="):
        path, found, value = term.partition(operator)
        if found:
            return path.strip(), operator, value.strip()
    raise ValueError(f"invalid field selector {term!r}: it needs =, == or !=")


def _field(manifest: Mapping[str, Any], path: str) -> str:
    value: Any = manifest
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
