"""Which kinds are announced, and what to do instead of waiting for them."""

from dataclasses import dataclass

from kaito.api.inferenceset import INFERENCE_SET_READY, INFERENCESETS
from kaito.api.meta import Condition, Object, Wire
from kaito.api.modelmirror import MIRROR_READY, MODELMIRRORS
from kaito.api.multirole import MULTIROLE_READY, MULTIROLEINFERENCES
from kaito.api.ragengine import RAGENGINE_SUCCEEDED, RAGENGINES, SERVICE_READY
from kaito.api.resources import Resource, reading


class AnnouncedStatus(Wire):
    """What every announced kind's status has in common."""

    conditions: tuple[Condition, ...] = ()
    """What holds and what does not."""


class AnnouncedObject(Object):
    """An object of any announced kind.

    Its spec is not read: one object from an older release that does not fit today's schema must not
    keep all others from being answered.
    """

    status: AnnouncedStatus = AnnouncedStatus()
    """What was last said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A kind that is stored and not run."""

    resource: Resource[AnnouncedObject]
    conditions: tuple[str, ...]
    """The types under which readers of that kind look for success."""
    instead: str
    """What to do today, as the end of a sentence."""


ANNOUNCED: tuple[Announced, ...] = (
    Announced(
        resource=reading(INFERENCESETS, AnnouncedObject),
        conditions=(INFERENCE_SET_READY,),
        instead="create one Workspace a replica, with the resource and the inference of its "
        "spec.template",
    ),
    Announced(
        resource=reading(RAGENGINES, AnnouncedObject),
        conditions=(SERVICE_READY, RAGENGINE_SUCCEEDED),
        instead="serve the model with a Workspace and retrieve in the program that asks it",
    ),
    Announced(
        resource=reading(MODELMIRRORS, AnnouncedObject),
        conditions=(MIRROR_READY,),
        instead="turn on the feature gate ModelMirror, or create the Workspace: it fetches the "
        "weights of its model by itself",
    ),
    Announced(
        resource=reading(MULTIROLEINFERENCES, AnnouncedObject),
        conditions=(MULTIROLE_READY,),
        instead="create one Workspace, which reads prompts and writes answers on the same nodes",
    ),
)
