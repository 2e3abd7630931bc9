"""Which changes concern which ModelMirror, and the way from them to a decision."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kaito.api import labels
from kaito.api.core import JOBS, PODS
from kaito.api.meta import Key, Object
from kaito.api.modelmirror import MODELMIRRORS, ModelMirror
from kaito.api.report import REPORTS
from kaito.controllers.modelmirror.decide import MirrorSettings, decide
from kaito.controllers.modelmirror.observed import Observed, observe
from kaito.controllers.modelmirror.volumes import CLAIMS, CLASSES
from kaito.kube.cache import Reader
from kaito.kube.controller.decision import Decision
from kaito.kube.controller.runner import Watch, its_own_key
from kaito.render.mirror import mirror_namespace, mirror_volume


@dataclass(frozen=True, slots=True)
class MirrorController:
    """The control loop of ModelMirrors."""

    settings: MirrorSettings

    @property
    def name(self) -> str:
        """The loop's name and field manager."""
        return "kaito-modelmirror"

    @property
    def watches(self) -> tuple[Watch[Any], ...]:
        """The kinds that `observe` reads."""
        return (
            Watch(MODELMIRRORS, its_own_key),
            Watch(CLAIMS, _made_for, lookup=_standing_for),
            Watch(CLASSES, _nobody, lookup=_all_pending),
            Watch(JOBS, _made_for),
            Watch(PODS, _made_for),
            Watch(REPORTS, _made_for),
        )

    async def observe(self, reader: Reader, key: Key) -> Observed | None:
        """All facts about one mirror."""
        return observe(reader, key, default_class=self.settings.storage_class)

    def decide(self, observed: Observed, now: datetime) -> Decision:
        """What to do about it."""
        return decide(observed, self.settings, now)


def _made_for(item: Object) -> tuple[Key, ...]:
    name = item.metadata.labels.get(labels.MODEL_MIRROR_NAME)
    return (Key("", name),) if name else ()


def _nobody(_: Object) -> tuple[Key, ...]:
    return ()


def _standing_for(reader: Reader, claim: Object) -> tuple[Key, ...]:
    """Mirrors whose volume this is, whoever made it."""
    return tuple(
        mirror.key
        for mirror in reader.list(MODELMIRRORS)
        if Key(mirror_namespace(mirror), mirror_volume(mirror).claim) == claim.key
    )


def _all_pending(reader: Reader, _: Object) -> tuple[Key, ...]:
    return tuple(m.key for m in reader.list(MODELMIRRORS) if not _is_ready(m))


def _is_ready(mirror: ModelMirror) -> bool:
    return mirror.status.phase == "Ready"
