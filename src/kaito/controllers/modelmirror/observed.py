"""Everything a decision about one ModelMirror may depend on."""

from dataclasses import dataclass

from kaito.api import labels
from kaito.api.core import JOBS, PODS, Job, Pod
from kaito.api.meta import Key
from kaito.api.modelmirror import MODELMIRRORS, ModelMirror, bucket_of
from kaito.api.report import REPORTS, PodReport
from kaito.api.selectors import Requirement
from kaito.controllers.modelmirror.volumes import CLAIMS, CLASSES, Claim, StorageClass
from kaito.kube.cache import Reader
from kaito.render.mirror import mirror_namespace, mirror_volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One ModelMirror and what belongs to it."""

    mirror: ModelMirror
    claim: Claim | None = None
    storage_class: StorageClass | None = None
    jobs: tuple[Job, ...] = ()
    """Its downloads, by number."""
    pods: tuple[Pod, ...] = ()
    """Of its last download; the newest last."""
    report: PodReport | None = None
    """Of the newest."""

    @property
    def number(self) -> int:
        """Of its last download; 0: there was none."""
        return number_of(self.jobs[-1]) if self.jobs else 0


def observe(reader: Reader, key: Key, *, default_class: str = "") -> Observed | None:
    """Read the facts; None when there is no such mirror. `default_class` is for one without."""
    mirror = reader.get(MODELMIRRORS, key)
    if mirror is None or mirror.spec is None:
        return None
    namespace = mirror_namespace(mirror)
    jobs = sorted(
        (job for job in reader.owned(JOBS, mirror.metadata.uid) if number_of(job)), key=number_of
    )
    pods = _pods(reader, mirror, jobs[-1]) if jobs else ()
    storage = mirror.spec.storage
    class_name = (storage.storage_class_name if storage else "") or default_class
    claim = mirror_volume(mirror).claim if bucket_of(mirror) is None else ""
    return Observed(
        mirror=mirror,
        claim=reader.get(CLAIMS, Key(namespace, claim)) if claim else None,
        storage_class=reader.get(CLASSES, Key("", class_name)) if class_name else None,
        jobs=tuple(jobs),
        pods=pods,
        report=_report(reader, pods[-1]) if pods else None,
    )


def number_of(job: Job) -> int:
    """The number of a download, from its name; 0 for anything else."""
    _, _, tail = job.metadata.name.rpartition("-download-")
    return int(tail) if tail.isascii() and tail.isdigit() and len(tail) < 10 else 0


def is_own(observed: Observed) -> bool:
    """Whether the claim was made for this very mirror."""
    owner = observed.claim.metadata.controller if observed.claim else None
    return owner is not None and owner.uid == observed.mirror.metadata.uid


def _pods(reader: Reader, mirror: ModelMirror, job: Job) -> tuple[Pod, ...]:
    selector = (Requirement(labels.MODEL_MIRROR_NAME, "In", frozenset({mirror.metadata.name})),)
    found = reader.list(PODS, namespace=job.metadata.namespace, selector=selector)
    own = (
        p for p in found if p.metadata.controller and p.metadata.controller.uid == job.metadata.uid
    )
    return tuple(sorted(own, key=_age))


def _age(pod: Pod) -> tuple[float, str]:
    created = pod.metadata.creation_timestamp
    return created.timestamp() if created else 0.0, pod.metadata.name


def _report(reader: Reader, pod: Pod) -> PodReport | None:
    found = reader.get(REPORTS, pod.key)
    return found if found is not None and found.metadata.uid == pod.metadata.uid else None
