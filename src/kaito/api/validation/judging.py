"""How objects of one kind are judged: its rules and its facts, on create and on update."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from kaito.api.field_error import FieldError
from kaito.api.meta import Object
from kaito.api.rules import Rule, check_rules

T = TypeVar("T", bound=Object)


def judge(
    new: T,
    old: T | None,
    *,
    rules: Iterable[Rule],
    facts: Callable[[T], Iterable[FieldError]],
) -> tuple[FieldError, ...]:
    """What is wrong with `new` and was not wrong with `old`; nothing once deletion has begun.

    So an object that was admitted under other rules, or in other surroundings, can be edited
    elsewhere, and always be deleted. `facts` finds what needs more than the object's own fields.
    """
    if new.metadata.is_deleting:
        return ()
    found = (*broken(rules, new, old), *facts(new))
    if old is None or not found:
        return found
    known = {*broken(rules, old), *facts(old)}
    return tuple(error for error in found if error not in known)


def broken(rules: Iterable[Rule], new: Object, old: Object | None = None) -> Iterator[FieldError]:
    """The rules of the object's version that do not hold."""
    before = None if old is None else msgspec.to_builtins(old)
    return check_rules(rules, msgspec.to_builtins(new), before, version=version_of(new))


def version_of(item: Object) -> str:
    """The version an object is written in; the stored one of every kind but two when unknown."""
    return item.api_version.partition("/")[2] or "v1beta1"
