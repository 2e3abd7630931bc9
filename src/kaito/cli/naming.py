"""What the words of `get`, `describe` and `delete` name: `pods NAME`, `pod/NAME`, `pods,svc`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kaito.api.meta import Key
from kaito.api.resources import Resource
from kaito.base.errors import UsageError
from kaito.base.suggest import did_you_mean
from kaito.cli.discovery import Discovery, Served
from kaito.kube.client import Client
from kaito.kube.errors import ApiError, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One kind, and the objects of it that were named; none means all."""

    served: Served
    names: tuple[str, ...] = ()

    def key(self, name: str, namespace: str) -> Key:
        """The key of one of them."""
        return Key(namespace if self.served.resource.namespaced else "", name)


async def find_named(discovery: Discovery, words: Sequence[str]) -> tuple[Named, ...]:
    """What the words name; `UsageError` where they mix both spellings or say nothing."""
    if not words:
        raise UsageError("a resource is missing", hint="for example: kaito get workspaces")
    if any("/" in word for word in words):
        return await _find_pairs(discovery, words)
    kinds = [served for word in words[0].split(",") for served in await discovery.find(word)]
    return tuple(Named(served=served, names=tuple(words[1:])) for served in kinds)


async def _find_pairs(discovery: Discovery, words: Sequence[str]) -> tuple[Named, ...]:
    found = []
    for word in words:
        kind, slash, name = word.partition("/")
        if not (kind and slash and name) or "/" in name:
            raise UsageError(
                f"{word!r} is not TYPE/NAME",
                hint="write either TYPE NAME... or TYPE/NAME TYPE/NAME...",
            )
        (served, *others) = await discovery.find(kind)
        if others:
            raise UsageError(f"{kind!r} in {word!r} names several kinds", hint="name one of them")
        found.append(Named(served=served, names=(name,)))
    return tuple(found)


async def with_suggestion(
    client: Client, resource: Resource[Any], key: Key, error: NotFound
) -> NotFound:
    """The same error with the nearest names that do exist as its hint."""
    try:
        listing = await client.list(resource, namespace=key.namespace)
    except ApiError:
        return error
    names = [item.metadata.name for item in listing.items]
    where = f" -n {key.namespace}" if key.namespace else ""
    hint = did_you_mean(key.name, names) or f"see `kaito get {resource.plural}{where}`"
    return NotFound(str(error), status=error.status, reason=error.reason, hint=hint)
