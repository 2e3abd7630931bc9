"""Which schema an object is held to, compiled when first needed.

A bridge between the registry and `kaito.local.schema`: it knows where the schema of a resource in a
version comes from, and keeps the compiled ones. A custom resource's is dropped with its definition.
"""

from kaito.api.meta import Manifest
from kaito.local.apiserver.registry import Served
from kaito.local.schema import builtin
from kaito.local.schema.structure import Schema, compile_schema


class Schemas:
    """Compiled schemas by resource and version."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], tuple[Served, Schema]] = {}

    def of(self, served: Served, version: str) -> Schema:
        """The schema of a resource in a version."""
        if not served.is_custom:
            return builtin.builtin_schema(served.group, version, served.kind)
        key = (served.resource, version)
        known = self._compiled.get(key)
        # A changed definition makes a new Served, and with it an outdated entry here.
        if known is None or known[0] is not served:
            known = (served, compile_schema(served.at(version).schema))
            self._compiled[key] = known
        return known[1]


def document(served: Served, version: str) -> Manifest:
    """The OpenAPI document of one kind, with everything it refers to."""
    if served.is_custom:
        schema = served.at(version).schema
        return builtin.custom_document(served.group, version, served.kind, schema)
    return builtin.schema_document(served.group, version, served.kind)
