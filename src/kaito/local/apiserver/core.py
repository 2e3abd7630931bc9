"""What every verb needs, in one value: the store, the registry, time, rules and identifiers."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol
from uuid import UUID

from kaito.base.clock import Clock, to_rfc3339
from kaito.local.apiserver.admission import Admission
from kaito.local.apiserver.registry import Registry, Served
from kaito.local.apiserver.rules.base import Rules
from kaito.local.apiserver.schemas import Schemas
from kaito.local.store.port import Change, Store

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes leaves out vowels and look-alikes, so that no word and no confusion comes up."""


class Identifiers(Protocol):
    """Where unique ids come from."""

    @property
    def plane(self) -> str:
        """What tells this plane from others of the machine, now and after a restart."""
        ...

    def uid(self) -> str:
        """A new object's uid."""
        ...

    def suffix(self) -> str:
        """Five characters to put behind a `generateName`."""
        ...


class RandomIdentifiers:
    """Ids drawn from a source of randomness."""

    def __init__(self, random: Random, *, plane: str = "") -> None:
        self.plane = plane
        self._random = random

    def uid(self) -> str:
        """A version 4 UUID."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def suffix(self) -> str:
        """Five letters and digits."""
        return "".join(self._random.choices(_SUFFIX_ALPHABET, k=5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Shared by all verbs; holds no state of a request."""

    store: Store
    registry: Registry
    schemas: Schemas
    clock: Clock
    admission: Admission
    rules: Mapping[str, Rules]
    ids: Identifiers

    def rules_of(self, served: Served) -> Rules:
        """What is particular to a resource."""
        return self.rules.get(served.resource, _NO_RULES)

    def stored(self, change: Change) -> None:
        """Let the rules of a kind know of a durable write, before its writer does."""
        if rules := self.rules.get(change.entry.key.resource):
            rules.stored(self, change)

    def now(self) -> str:
        """The time as objects carry it."""
        return to_rfc3339(self.clock.now())


_NO_RULES = Rules()
