"""The result into a registry: tried again while nobody answers, and never twice.

A tag that already holds this very result, as its manifest's annotation tells, is left alone: that
is how an attempt that was killed after its push, and before it could note it, is found out.

Results that end with the pod are lost when it does: then a push is not given up for a day.
"""

import logging
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from kaito.api.tuning_job import ADAPTER, PUSH_FAILED, TuningArguments
from kaito.api.tuning_record import (
    ANNOTATION_ADAPTER,
    ANNOTATION_BASE,
    ANNOTATION_BASE_REVISION,
    ANNOTATION_DATASET,
    ANNOTATION_EVALUATION,
    ANNOTATION_LOSS,
    ANNOTATION_METHOD,
    ANNOTATION_MODEL,
    ANNOTATION_STEPS,
    FULL_MODEL_TYPE,
    TuningRecord,
)
from kaito.base.backoff import Backoff
from kaito.base.clock import Clock
from kaito.base.errors import KaitoError
from kaito.base.logs import facts
from kaito.registry.client import Registry, open_registry
from kaito.registry.content import LocalFile, push_content, push_image
from kaito.registry.credentials import read_credentials
from kaito.registry.errors import RegistryError
from kaito.registry.progress import Progress
from kaito.registry.reference import Reference, parse_reference
from kaito.runtimes.tuning.errors import SourceFailed
from kaito.runtimes.tuning.result import ADAPTER_FILES, result_files

logger = logging.getLogger(__name__)

_TRIES: Final = 4
_BACKOFF: Final = Backoff(base=2.0, cap=30.0)
_WAITING: Final = Backoff(base=15.0, cap=300.0)
_PATIENCE_SECONDS: Final = 86_400.0


async def deliver_result(
    arguments: TuningArguments,
    record: TuningRecord,
    *,
    clock: Clock,
    progress: Progress,
    warn: Callable[[str], None],
) -> str:
    """Push, for a day where the pod's end would be the result's: somebody may mend what is wrong.

    Raises:
        SourceFailed: as `push_result`; the pod's results outlive it, or the day is over.
    """
    begun, failures = clock.monotonic(), 0
    while True:
        try:
            # A Secret that is mounted follows its object: credentials are read at every turn.
            return await push_result(arguments, record, clock=clock, progress=progress)
        except SourceFailed as failure:
            if arguments.keeps_results or clock.monotonic() - begun >= _PATIENCE_SECONDS:
                raise
            warn(f"{failure.line}, until this pod ends; pushing is tried again for a day")
            logger.warning("push failed, waiting", extra=facts(reason=failure.line))
        await clock.sleep(_WAITING.delay(failures, random.random))
        failures += 1


async def push_result(
    arguments: TuningArguments, record: TuningRecord, *, clock: Clock, progress: Progress
) -> str:
    """Push what lies in the results; the reference with the digest of its manifest.

    Raises:
        SourceFailed: the registry does not answer or refuses; the result stays where it is.
    """
    folders = (Path(arguments.push_secret),) if arguments.push_secret else ()
    try:
        reference = parse_reference(arguments.image)
        credentials = read_credentials(folders)
        async with open_registry(credentials, clock=clock) as registry:
            push = _Push(registry, reference, arguments, record, progress)
            digest = await push.insist(clock)
    except KaitoError as error:
        kept = Path(arguments.results) / ADAPTER
        raise SourceFailed(
            f"{PUSH_FAILED}{arguments.image}: {error}",
            hint=f"{error.hint + '; ' if error.hint else ''}the adapter stays in {kept}",
        ) from error
    return f"{arguments.image}@{digest}"


class _Push:
    """One result on its way to one reference."""

    def __init__(
        self,
        registry: Registry,
        reference: Reference,
        arguments: TuningArguments,
        record: TuningRecord,
        progress: Progress,
    ) -> None:
        self._registry = registry
        self._reference = reference
        self._folder = Path(arguments.results) / ADAPTER
        self._annotations = to_annotations(arguments, record)
        self._progress = progress

    async def insist(self, clock: Clock) -> str:
        """Push, again and again while that may help."""
        for attempt in range(_TRIES):
            try:
                return await self._find() or await self._push()
            except RegistryError as error:
                if error.kind not in {"unreachable", "damaged"} or attempt == _TRIES - 1:
                    raise
                logger.warning("push failed, trying again", extra=facts(reason=str(error)))
                await clock.sleep(_BACKOFF.delay(attempt, random.random))
        raise AssertionError("every try returns or raises")

    async def _find(self) -> str:
        """The digest of what the tag names, where that is this very result."""
        try:
            found = await self._registry.get_manifest(self._reference)
        except RegistryError as error:
            if error.kind in {"not found", "auth", "refused"}:
                return ""
            raise
        held = found.manifest.annotations.get(ANNOTATION_ADAPTER, "")
        return found.digest if held and held == self._annotations.get(ANNOTATION_ADAPTER) else ""

    async def _push(self) -> str:
        paths = result_files(self._folder)
        files = tuple(LocalFile(name=path.name, path=path) for path in paths)
        if {path.name for path in paths} == set(ADAPTER_FILES):
            return await push_image(
                self._registry,
                self._reference,
                files,
                annotations=self._annotations,
                progress=self._progress,
            )
        return await push_content(
            self._registry,
            self._reference,
            files,
            artifact_type=FULL_MODEL_TYPE,
            annotations=self._annotations,
            progress=self._progress,
        )


def to_annotations(arguments: TuningArguments, record: TuningRecord) -> Mapping[str, str]:
    """What the manifest says about the result."""
    progress = record.progress
    loss = f"{progress.loss:.4f}" if progress.loss is not None else ""
    evaluation = f"{progress.evaluation:.4f}" if progress.evaluation is not None else ""
    given = {
        ANNOTATION_MODEL: arguments.preset,
        ANNOTATION_BASE: arguments.base,
        ANNOTATION_BASE_REVISION: arguments.base_revision,
        ANNOTATION_METHOD: arguments.method,
        ANNOTATION_DATASET: record.dataset.digest,
        ANNOTATION_ADAPTER: record.adapter_digest,
        ANNOTATION_LOSS: loss,
        ANNOTATION_EVALUATION: evaluation,
        ANNOTATION_STEPS: str(progress.step),
    }
    return {key: value for key, value in given.items() if value}
