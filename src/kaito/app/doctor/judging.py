"""What `doctor` makes of a Workspace that is judged. Pure."""

from dataclasses import dataclass

import msgspec

from kaito.api.kinds import KINDS, Kind
from kaito.api.meta import Manifest
from kaito.api.validation.surroundings import Surroundings
from kaito.api.workspace import WORKSPACES, Workspace
from kaito.app import judging
from kaito.app.judging import schemas_of

_KIND: Kind[Workspace] = next(kind for kind in KINDS if kind.resource == WORKSPACES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is wrong, what is only worth a word, and the Workspace where it can be read at all."""

    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    workspace: Workspace | None = None


def judge(manifest: Manifest, live: Manifest | None, around: Surroundings) -> Verdict:
    """The verdict on a Workspace; `live` is what is there already and would be changed."""
    version = str(manifest["apiVersion"]).partition("/")[2]
    schemas = schemas_of(_KIND.definition)
    if version not in schemas:
        served = ", ".join(schemas)
        return Verdict(faults=(f"apiVersion: there is no version {version!r}; one of: {served}",))
    judged = judging.judge(_KIND, schemas[version], manifest, live, around)
    try:
        workspace = msgspec.convert(judged.complete, Workspace)
    except msgspec.ValidationError:
        workspace = None
    return Verdict(faults=judged.faults, warnings=judged.unknown, workspace=workspace)
