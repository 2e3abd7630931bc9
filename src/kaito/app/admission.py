"""Admission of the kaito.sh kinds: the rules of `api`, given what this program knows.

`CATALOGUE` is where the rules of `api` meet the catalogue; whoever runs them adds what only it
knows (nodes, ConfigMaps, weights at hand, a planner) with `dataclasses.replace`. The embedded API
server calls `KaitoAdmission` in-process, a cluster's webhook the same functions.
"""

from dataclasses import replace

from kaito.api.field_error import FieldError
from kaito.api.kinds import kind_of_resource
from kaito.api.meta import Manifest
from kaito.api.validation.surroundings import ModelRules, Surroundings
from kaito.app.plan_check import check_plan
from kaito.catalog.accelerators import MIG_PROFILES
from kaito.catalog.instances import check_instance_type
from kaito.catalog.lookup import check_preset, find_preset


def find_model(name: str) -> ModelRules:
    """What the catalogue says of a model; of one outside it, only that its name will do."""
    preset = find_preset(name)
    if preset is None:
        return ModelRules(problem=check_preset(name))
    if preset.facts is None:
        return ModelRules(is_tunable=False)
    return ModelRules(
        is_gated=preset.is_gated,
        context_tokens=preset.facts.context_tokens,
        runtimes=preset.runtimes,
        is_tunable=preset.is_tunable,
        weights_bytes=preset.facts.weights_bytes,
    )


CATALOGUE = Surroundings(
    find_model=find_model,
    check_instance_type=check_instance_type,
    mig_profiles=MIG_PROFILES,
    check_plan=check_plan,
)
"""What is known anywhere: models, instance types, and what runs on what."""

ONE_MACHINE = replace(CATALOGUE, allow_private_urls=True)
"""In the embedded plane: it plays every instance type, and may serve data to itself."""


class KaitoAdmission:
    """Rules of our own kinds; everything else is admitted."""

    def __init__(self, around: Surroundings = ONE_MACHINE) -> None:
        self._around = around

    def default(self, resource: str, manifest: Manifest) -> Manifest:
        """The manifest as it is: all defaults are in the CRD's schema."""
        del resource
        return manifest

    def admit(
        self, operation: str, resource: str, *, old: Manifest | None, new: Manifest | None
    ) -> tuple[FieldError, ...]:
        """The broken rules; deletion is always admitted."""
        kind = kind_of_resource(resource)
        if kind is None or new is None or operation == "DELETE":
            return ()
        return kind.check(new, old, self._around)
