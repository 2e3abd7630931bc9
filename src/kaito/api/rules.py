r"""A small language for rules on objects: one source for Python and for CEL in a CRD.

An `Expression` reads an object as JSON. `holds` evaluates it here; `to_cel` writes the same thing
for a Kubernetes API server (`x-kubernetes-validations`,
https://kubernetes.io/docs/reference/using-api/cel/). Both treat a missing field alike: a text, list
or map that is empty counts as not given, whichever way the user wrote it.

A `Rule` says where an expression stands and what a user reads when it does not hold:

    Rule(
        path="inference",
        expression=not_both(Present("preset"), Present("template")),
        blames="template",
        message="Preset and Template cannot be set at the same time; remove one",
    )

Expressions that compare with `oldSelf` make a transition rule. An API server runs those only where
the object at `path` exists before and after, and not inside lists; so does `check_rules`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, Protocol, TypeAlias

from kaito.api.field_error import FieldError

Json: TypeAlias = Any
"""A value as JSON decodes it."""

Reason = Literal["FieldValueInvalid", "FieldValueRequired", "FieldValueForbidden"]
"""Not FieldValueDuplicate: an API server leaves the message out of that one."""

_RESERVED = frozenset(
    {
        *("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for"),
        *("function", "if", "import", "let", "loop", "package", "namespace", "return", "var"),
        *("void", "while"),
    }
)
"""Field names that CEL reads as something else; Kubernetes wraps them in underscores."""


class Expression(Protocol):
    """Something that holds of an object or does not. Never raises, whatever the object is."""

    def to_cel(self, at: str = "self") -> str:
        """The expression in CEL about the variable `at`."""
        ...

    def holds(self, new: Json, old: Json = None) -> bool:
        """Whether it holds of `new`; only transition rules look at `old`."""
        ...


@dataclass(frozen=True, slots=True)
class Present:
    """There is a field at `path`, even an empty one."""

    path: str

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        steps = [_escaped(name) for name in self.path.split(".")]
        ends = [".".join((at, *steps[: count + 1])) for count in range(len(steps))]
        return " && ".join(f"has({end})" for end in ends)

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        return read(new, self.path) is not None


@dataclass(frozen=True, slots=True)
class Filled:
    """There is a text, list or map at `path` that is not empty."""

    path: str

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        return f"{Present(self.path).to_cel(at)} && size({_reference(at, self.path)}) > 0"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        return bool(read(new, self.path))


@dataclass(frozen=True, slots=True)
class Matches:
    """The text at `path` is there and matches as a whole.

    The pattern keeps to what RE2 and Python read alike: classes of ASCII characters, groups,
    counts, `(?i:...)`; no anchors, no look-around, no shorthands such as that for digits.
    """

    path: str
    pattern: str

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        subject = _reference(at, self.path)
        return f"{Present(self.path).to_cel(at)} && {subject}.matches({_text(self._whole)})"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        value = read(new, self.path)
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None

    @property
    def _whole(self) -> str:
        return f"^(?:{self.pattern})$"


@dataclass(frozen=True, slots=True)
class AllMatch:
    """Every text of the list at `path` matches as a whole; none is needed."""

    path: str
    pattern: str

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        each = f"{_reference(at, self.path)}.all(x, x.matches({_text(f'^(?:{self.pattern})$')}))"
        return f"!({Present(self.path).to_cel(at)}) || {each}"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        found = re.compile(self.pattern)
        values = _items(read(new, self.path))
        return all(isinstance(value, str) and found.fullmatch(value) for value in values)


@dataclass(frozen=True, slots=True)
class OnlyMatches:
    """The list at `path` holds one text, which matches as a whole.

    An API server reckons this at one match, where `AllMatch` costs as many as the list may hold.
    """

    path: str
    pattern: str

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        items = _reference(at, self.path)
        match = f"{items}[0].matches({_text(f'^(?:{self.pattern})$')})"
        return f"{Present(self.path).to_cel(at)} && size({items}) == 1 && {match}"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        values = _items(read(new, self.path))
        return (
            len(values) == 1
            and isinstance(values[0], str)
            and re.fullmatch(self.pattern, values[0]) is not None
        )


@dataclass(frozen=True, slots=True)
class Equals:
    """The value at `path` is there and is this one."""

    path: str
    value: str | int

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        subject = _reference(at, self.path)
        return f"{Present(self.path).to_cel(at)} && {subject} == {_literal(self.value)}"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        return bool(read(new, self.path) == self.value)


@dataclass(frozen=True, slots=True)
class OneOf:
    """The text at `path` is there and is one of these."""

    path: str
    values: tuple[str, ...]

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        subject = _reference(at, self.path)
        return f"{Present(self.path).to_cel(at)} && {subject} in {_literal(self.values)}"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        return read(new, self.path) in self.values


@dataclass(frozen=True, slots=True)
class AtMost:
    """The number at `path` is at most `limit`; none is needed."""

    path: str
    limit: int

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        within = f"{_reference(at, self.path)} <= {self.limit}"
        return f"!({Present(self.path).to_cel(at)}) || {within}"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        value = read(new, self.path)
        return not isinstance(value, int) or value <= self.limit


@dataclass(frozen=True, slots=True)
class ShorterThan:
    """The text, list or map at `path` has fewer than `size` elements; none is needed."""

    path: str
    size: int

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        within = f"size({_reference(at, self.path)}) < {self.size}"
        return f"!({Present(self.path).to_cel(at)}) || {within}"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        value = read(new, self.path)
        return not isinstance(value, str | list | tuple | dict) or len(value) < self.size


@dataclass(frozen=True, slots=True)
class Fraction:
    """The text at `path` is there and is a decimal number from 0 to 1."""

    path: str

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        number = f"double({_reference(at, self.path)})"
        return f"{Matches(self.path, _DECIMAL).to_cel(at)} && {number} >= 0.0 && {number} <= 1.0"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        return Matches(self.path, _DECIMAL).holds(new) and 0 <= float(read(new, self.path)) <= 1


_DECIMAL = r"[+-]?([0-9]{1,30}([.][0-9]{0,30})?|[.][0-9]{1,30})([eE][+-]?[0-9]{1,2})?"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Expression

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        return f"!({self.part.to_cel(at)})"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        return not self.part.holds(new, old)


@dataclass(frozen=True, slots=True)
class All:
    """Each of the parts holds."""

    parts: tuple[Expression, ...]

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        return " && ".join(f"({part.to_cel(at)})" for part in self.parts)

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        return all(part.holds(new, old) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of the parts holds, or several."""

    parts: tuple[Expression, ...]

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        return " || ".join(f"({part.to_cel(at)})" for part in self.parts)

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        return any(part.holds(new, old) for part in self.parts)


@dataclass(frozen=True, slots=True)
class ExactlyOne:
    """One of the parts holds, and no other."""

    parts: tuple[Expression, ...]

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        counted = (f"({part.to_cel(at)} ? 1 : 0)" for part in self.parts)
        return f"{' + '.join(counted)} == 1"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        return sum(part.holds(new, old) for part in self.parts) == 1


@dataclass(frozen=True, slots=True)
class Was:
    """The part holds of what was stored before; makes a transition rule."""

    part: Expression

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        assert at == "self", "there is no old value of a list's item"
        return self.part.to_cel("oldSelf")

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del new
        return self.part.holds(old)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The value at `path` is what it was; a missing one counts as `empty`. A transition rule."""

    path: str
    empty: str | int | tuple[()] | dict[str, str] = ""

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        assert at == "self", "there is no old value of a list's item"
        return f"{self._value(at)} == {self._value('oldSelf')}"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        before, after = read(old, self.path), read(new, self.path)
        empty: Json = list(self.empty) if isinstance(self.empty, tuple) else self.empty
        return bool((empty if after is None else after) == (empty if before is None else before))

    def _value(self, at: str) -> str:
        value, empty = _reference(at, self.path), _literal(self.empty)
        return f"({Present(self.path).to_cel(at)} ? {value} : {empty})"


@dataclass(frozen=True, slots=True)
class Every:
    """The part holds of every item of the list at `path`; none is needed."""

    path: str
    part: Expression

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        each = f"{_reference(at, self.path)}.all(x, {self.part.to_cel('x')})"
        return f"!({Present(self.path).to_cel(at)}) || {each}"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        return all(self.part.holds(item) for item in _items(read(new, self.path)))


@dataclass(frozen=True, slots=True)
class Some:
    """The part holds of at least one item of the list at `path`."""

    path: str
    part: Expression

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        one = f"{_reference(at, self.path)}.exists(x, {self.part.to_cel('x')})"
        return f"{Present(self.path).to_cel(at)} && {one}"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        return any(self.part.holds(item) for item in _items(read(new, self.path)))


@dataclass(frozen=True, slots=True)
class SomeKeyBesides:
    """The map at `path` has a key that is none of `names`."""

    path: str
    names: tuple[str, ...]

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        one = f"{_reference(at, self.path)}.exists(x, !(x in {_literal(self.names)}))"
        return f"{Present(self.path).to_cel(at)} && {one}"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        value = read(new, self.path)
        return isinstance(value, dict) and any(key not in self.names for key in value)


@dataclass(frozen=True, slots=True)
class Distinct:
    """No two items of the list at `path` have the same text at `key`; items without one pass."""

    path: str
    key: str

    def to_cel(self, at: str = "self") -> str:
        """See `Expression`."""
        items = _reference(at, self.path)
        # A choice, not &&: an implementation may ask an item for a key that it does not have.
        same = f"{_reference('y', self.key)} == {_reference('x', self.key)}"
        one = f"{items}.exists_one(y, {Filled(self.key).to_cel('y')} ? {same} : false)"
        each = f"{items}.all(x, {Filled(self.key).to_cel('x')} ? {one} : true)"
        return f"!({Present(self.path).to_cel(at)}) || {each}"

    def holds(self, new: Json, old: Json = None) -> bool:
        """See `Expression`."""
        del old
        keys = [key for item in _items(read(new, self.path)) if (key := read(item, self.key))]
        return all(keys.count(key) == 1 for key in keys)


def not_both(one: Expression, other: Expression) -> Expression:
    """One, the other, or neither."""
    return Not(All((one, other)))


def implies(condition: Expression, consequence: Expression) -> Expression:
    """The consequence holds wherever the condition does."""
    return AnyOf((Not(condition), consequence))


def equally(one: Expression, other: Expression) -> Expression:
    """Both hold, or neither."""
    return Not(ExactlyOne((one, other)))


def kept(part: Expression) -> Expression:
    """What held before holds now, and what did not does not. A transition rule."""
    return equally(part, Was(part))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An expression, where it stands, and what a user reads when it does not hold."""

    path: str = ""
    """The object it is about: empty for the root, `inference.adapters[]` for each item."""
    expression: Expression
    message: str
    """What is wrong and what to do, in one line."""
    blames: str = ""
    """The field below `path` that is to blame; empty for the object itself."""
    reason: Reason = "FieldValueInvalid"
    versions: tuple[str, ...] = ()
    """API versions it is for; empty for all."""
    shows: str = ""
    """The field below `path` whose value the message ends with, here and not in CEL."""
    is_for_new: bool = False
    """Whether it is about what nobody can change, and so says nothing of what is stored already.
    CEL cannot tell that; there, what has a status counts as stored. An API server drops the status
    of what is created, and keeps it in every other write."""
    is_transition: bool = field(init=False)
    """Derived: whether it compares with what was stored before."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_transition", "oldSelf" in self.expression.to_cel())

    def applies_to(self, version: str) -> bool:
        """Whether it is a rule of that API version."""
        return not self.versions or version in self.versions

    def to_validation(self) -> dict[str, str]:
        """The entry for `x-kubernetes-validations`."""
        rule = self.expression.to_cel()
        if self.is_for_new:
            rule = f"has(self.status) || ({rule})"
        entry = {"rule": rule, "message": self.message, "reason": self.reason}
        # A CRD's schema says nothing about metadata, so no path may lead into it.
        is_nameable = self.blames and not self.blames.startswith("metadata.")
        return {**entry, "fieldPath": f".{self.blames}"} if is_nameable else entry


def check_rules(
    rules: Iterable[Rule], new: Json, old: Json = None, *, version: str
) -> Iterator[FieldError]:
    """Every rule that does not hold, once for each object that breaks it."""
    places: dict[str, _Places] = {}
    for rule in rules:
        if not rule.applies_to(version) or (rule.is_for_new and old is not None):
            continue
        if rule.path not in places:
            places[rule.path] = _nodes(rule.path, new, old)
        for path, after, before in places[rule.path]:
            if rule.is_transition and before is None:
                continue
            if not rule.expression.holds(after, before):
                yield _error(rule, path, after)


def read(value: Json, path: str) -> Json:
    """The value at a dotted path, or None where something on the way is missing."""
    for name in _steps(path):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


@cache
def _steps(path: str) -> tuple[str, ...]:
    """The names on a path; rules are few, so each path is split once."""
    return tuple(path.split("."))


def _error(rule: Rule, path: str, value: Json) -> FieldError:
    shown = read(value, rule.shows) if rule.shows else None
    detail = rule.message if shown is None else f"{rule.message}, not {shown!r}"
    return FieldError(".".join(filter(None, (path, rule.blames))), detail)


_Places: TypeAlias = tuple[tuple[str, Json, Json], ...]


def _nodes(path: str, new: Json, old: Json) -> _Places:
    """The objects that `path` names: (path with indices, now, before or None)."""
    found: list[tuple[str, Json, Json]] = [("", new, old)]
    for step in filter(None, path.split(".")):
        name = step.removesuffix("[]")
        below: list[tuple[str, Json, Json]] = []
        for where, after, before in found:
            label = f"{where}.{name}" if where else name
            child = read(after, name)
            if step.endswith("[]"):
                below += [(f"{label}[{i}]", item, None) for i, item in enumerate(_items(child))]
            else:
                below.append((label, child, read(before, name)))
        found = below
    return tuple(place for place in found if place[1] is not None)


def _items(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list | tuple) else ()


def _reference(at: str, path: str) -> str:
    return ".".join((at, *map(_escaped, path.split("."))))


def _escaped(name: str) -> str:
    return f"__{name}__" if name in _RESERVED else name


def _literal(value: Json) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_literal, value))}]"
    return "{}" if isinstance(value, dict) else str(value)


def _text(value: str) -> str:
    """A CEL text literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
