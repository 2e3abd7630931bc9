"""The rules that objects must keep, as field errors with paths. Pure; know old and new.

The same functions answer admission, `kaito validate` and tests. What a CRD can say for itself is in
`*_rules` (one source for CEL and for us); the other modules hold what needs more than the object:
the catalogue, instance types, ConfigMaps, gates. All of that comes in through `Surroundings`.
"""

from kaito.api.field_error import FieldError
from kaito.api.validation.annotations import RUNTIMES
from kaito.api.validation.surroundings import ModelRules, Surroundings
from kaito.api.validation.workspace import validate_workspace

__all__ = ["RUNTIMES", "FieldError", "ModelRules", "Surroundings", "validate_workspace"]
