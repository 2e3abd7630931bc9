"""`--karpenter-node-classes`: KAITO's JSON list of node classes, as one checked value.

Each entry has `name`, `default` and `spec`; exactly one is the default (spec section 2.4).
"""

import re
from collections import Counter
from typing import Any

import msgspec

from kaito.api import labels
from kaito.api.meta import Object
from kaito.api.resources import Resource
from kaito.base.errors import UsageError
from kaito.provision.node_classes import DeclaredClass, DeclaredClasses
from kaito.provision.port import NodeClass

FLAG = "--karpenter-node-classes"
_SHAPE = '[{"name": "ubuntu", "default": true, "spec": {...}}]'
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_LONGEST = 253
_VERSIONS = {labels.KARPENTER_AZURE_GROUP: "v1beta1"}
"""Of node classes by group; elsewhere v1 (https://karpenter.sh/docs/concepts/nodeclasses/)."""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    default: bool = False
    spec: dict[str, Any] = {}


def parse_node_classes(text: str) -> tuple[DeclaredClass, ...]:
    """The entries, sorted by name; none for an empty text.

    Raises:
        UsageError: it cannot be read, or contradicts itself.
    """
    if not text:
        return ()
    try:
        entries = msgspec.json.decode(text, type=tuple[_Entry, ...])
    except msgspec.DecodeError as error:
        raise UsageError(f"{FLAG}: {error}", hint=f"write {_SHAPE}") from error
    for entry in entries:
        if len(entry.name) > _LONGEST or not _NAME.fullmatch(entry.name):
            raise UsageError(
                f"{FLAG}: {entry.name!r} is not a name",
                hint="use lower-case letters, digits, '-' and '.'",
            )
    twice = sorted(name for name, n in Counter(e.name for e in entries).items() if n > 1)
    if twice:
        raise UsageError(f"{FLAG}: {twice[0]} is declared twice", hint="give each its own name")
    defaults = [entry.name for entry in entries if entry.default]
    if len(defaults) != 1:
        raise UsageError(
            f"{FLAG}: {len(defaults)} entries are the default",
            hint='write "default": true in exactly one',
        )
    return tuple(
        DeclaredClass(name=entry.name, is_default=entry.default, spec=entry.spec)
        for entry in sorted(entries, key=lambda entry: entry.name)
    )


def declare_classes(
    entries: tuple[DeclaredClass, ...], node_class: NodeClass, *, version: str, resource_name: str
) -> DeclaredClasses | None:
    """The entries as objects of the pools' own kind; None where nothing is declared.

    `resource_name` may be the plural or the CRD's whole name, as KAITO's chart gives it.
    """
    if not entries:
        return None
    plural = resource_name.partition(".")[0] or f"{node_class.kind.lower()}es"
    resource = Resource(
        group=node_class.group,
        version=version or _VERSIONS.get(node_class.group, "v1"),
        plural=plural,
        kind=node_class.kind,
        type=Object,
        namespaced=False,
    )
    return DeclaredClasses(resource=resource, entries=entries)
