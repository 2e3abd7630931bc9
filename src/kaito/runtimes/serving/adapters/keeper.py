"""The loop that makes what is served equal to what is wanted.

Look (the file, the folders), decide, carry out: fetches run beside each other and beside the
server, loads and unloads one after the other. Nothing an adapter can do ends the loop; each failure
stays with its adapter, as one line and a moment to try again.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from kaito.api.report import AdapterReport
from kaito.api.weight_source import FolderSource, parse_source
from kaito.base.backoff import Backoff
from kaito.base.clock import Clock
from kaito.base.errors import KaitoError, UsageError
from kaito.base.logs import facts
from kaito.runtimes.serving.adapters.base_model import BaseModel
from kaito.runtimes.serving.adapters.check import Facts, check_adapter
from kaito.runtimes.serving.adapters.decision import (
    Failure,
    Fetch,
    Load,
    Observed,
    Unload,
    content_id,
    decide_actions,
)
from kaito.runtimes.serving.adapters.engine import AdapterEngine
from kaito.runtimes.serving.adapters.errors import AdapterInvalid, to_line
from kaito.runtimes.serving.adapters.fetch import Counter, Fetcher
from kaito.runtimes.serving.adapters.store import Store
from kaito.runtimes.serving.adapters.version import Content, Target, Version, to_target
from kaito.runtimes.serving.adapters.wishes import WishFile, observe_fingerprint

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.5
GRACE_SECONDS: Final = 30.0
"""How long nobody must have used a version before its files go: a request that has just come in
may carry it and not be in the engine yet."""
_INVALID_RETRY_SECONDS: Final = 300.0
"""A tag may point to something better by then; a folder shows by itself when it changes."""
_PARALLEL: Final = 3


@dataclass(slots=True)
class Retired:
    """A version that is not served any more."""

    version: Version
    quiet_since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the keeper works with."""

    file: WishFile
    store: Store
    fetcher: Fetcher
    engine: AdapterEngine
    base: BaseModel
    clock: Clock
    report: Callable[[tuple[AdapterReport, ...]], None]
    note_load: Callable[[str, float], None] = lambda _name, _seconds: None
    backoff: Backoff = field(default_factory=lambda: Backoff(base=1.0, cap=60.0))


class Keeper:
    """The state between two looks; `run` is the loop."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._with = surroundings
        self._targets: tuple[Target, ...] = ()
        self._contents: dict[str, Content] = {}
        self._fetching: dict[str, Counter] = {}
        self._served: dict[str, Version] = {}
        self._failures: dict[Target, Failure] = {}
        self._retired: list[Retired] = []
        self._wanted_since: dict[Target, float] = {}
        self._reported: tuple[AdapterReport, ...] | None = None
        self._slots = asyncio.Semaphore(_PARALLEL)
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Go on until cancelled."""
        async with asyncio.TaskGroup() as group:
            ticking = group.create_task(self._tick())
            try:
                while True:
                    self._woken.clear()
                    try:
                        await self.look(group)
                    except Exception:  # loop boundary: a full disk, an engine that is ending
                        logger.exception("adapters could not be looked after")
                    await self._woken.wait()
            finally:
                ticking.cancel()

    async def look(self, group: asyncio.TaskGroup) -> None:
        """Once: look, decide, carry out, and say how far everything is."""
        self._observe()
        loads = []
        for action in decide_actions(self._observed, self._now):
            if isinstance(action, Fetch):
                self._start_fetch(group, action.target)
            elif isinstance(action, Load):
                loads.append(action)
            else:
                await self._unload(action)
        self._say()
        for load in loads:
            await self._load(load)
        await self._tidy()
        self._say()

    @property
    def _now(self) -> float:
        return self._with.clock.monotonic()

    @property
    def _observed(self) -> Observed:
        return Observed(
            targets=self._targets,
            contents=self._contents,
            fetching=frozenset(self._fetching),
            served=self._served,
            failures=self._failures,
        )

    async def _tick(self) -> None:
        while True:
            await self._with.clock.sleep(POLL_SECONDS)
            self._woken.set()

    def _observe(self) -> None:
        file = self._with.file
        if file.read() and file.problem:
            logger.warning("adapters stay as they are", extra=facts(problem=file.problem))
        self._targets = tuple(
            to_target(wish, observe_source(wish.source)) for wish in file.wishes.adapters
        )
        wanted = set(self._targets)
        self._failures = {key: value for key, value in self._failures.items() if key in wanted}
        self._wanted_since = {key: self._wanted_since.get(key, self._now) for key in self._targets}

    def _start_fetch(self, group: asyncio.TaskGroup, target: Target) -> None:
        counter = Counter()
        self._fetching[content_id(target)] = counter
        group.create_task(self._fetch(target, counter))

    async def _fetch(self, target: Target, counter: Counter) -> None:
        key = content_id(target)
        try:
            async with self._slots:
                self._contents[key] = await self._bring(target, counter)
        except (KaitoError, OSError) as error:
            self._fail(target, error)
        except Exception as error:  # loop boundary: this adapter's, and nobody else's
            logger.exception("adapter could not be fetched", extra=facts(adapter=target.name))
            self._fail(target, error)
        finally:
            del self._fetching[key]
            self._woken.set()

    async def _bring(self, target: Target, counter: Counter) -> Content:
        self._require_possible(target)
        store, engine = self._with.store, self._with.engine
        found = store.find(target)
        if found is not None:
            folder, mark = found
            checked = await asyncio.to_thread(
                check_adapter, folder, self._with.base, engine.max_rank
            )
            return _to_content(folder, mark.digest, checked)
        partial = store.open_partial(target)
        digest = await self._with.fetcher.fetch(target.source, partial, counter)
        if observe_source(target.source) != target.fingerprint:
            raise AdapterInvalid("its files changed while they were copied")
        try:
            checked = await asyncio.to_thread(
                check_adapter, partial, self._with.base, engine.max_rank
            )
        except AdapterInvalid:
            store.discard_partial(target)
            raise
        return _to_content(store.publish(target, digest), digest, checked)

    def _require_possible(self, target: Target) -> None:
        if not self._with.engine.max_rank:
            raise AdapterInvalid(
                "the engine was started without LoRA",
                hint="remove enable-lora from inference_config.yaml",
            )
        if target.name in self._with.engine.taken_names:
            raise AdapterInvalid(f"the base model is called {target.name!r} already")

    async def _load(self, action: Load) -> None:
        started, target = self._now, action.target
        try:
            version = self._with.store.derive(target, action.content)
            await self._with.engine.load(version)
        except (KaitoError, OSError) as error:
            self._fail(target, error)
            return
        self._retire(self._served.get(target.name))
        self._served[target.name] = version
        self._retired = [entry for entry in self._retired if entry.version != version]
        self._failures.pop(target, None)
        self._with.note_load(target.name, self._now - self._wanted_since.get(target, started))
        logger.info(
            "adapter is served",
            extra=facts(
                adapter=target.name, source=target.source, seconds=round(self._now - started, 3)
            ),
        )

    async def _unload(self, action: Unload) -> None:
        await self._with.engine.unload(action.name)
        self._retire(self._served.pop(action.name))
        logger.info("adapter is not served any more", extra=facts(adapter=action.name))

    def _retire(self, version: Version | None) -> None:
        if version is not None:
            self._retired.append(Retired(version, self._now))

    def _fail(self, target: Target, error: Exception) -> None:
        before = self._failures.get(target)
        attempts = before.attempts + 1 if before else 1
        if isinstance(error, AdapterInvalid):
            delay = None if target.fingerprint else _INVALID_RETRY_SECONDS
        else:
            delay = self._with.backoff.delay(attempts - 1, random.random)
        message = to_line(error) if isinstance(error, KaitoError) else _to_reason(error)
        retry_at = None if delay is None else self._now + delay
        self._failures[target] = Failure(message=message, attempts=attempts, retry_at=retry_at)
        if before is None or before.message != message:
            logger.warning(
                "adapter is not served", extra=facts(adapter=target.name, reason=message)
            )

    async def _tidy(self) -> None:
        """Free what nobody uses any more, in the engine and on disk."""
        for entry in tuple(self._retired):
            if self._with.engine.is_used(entry.version):
                entry.quiet_since = self._now
            elif self._now - entry.quiet_since >= GRACE_SECONDS:
                self._retired.remove(entry)
                await self._with.engine.forget(entry.version)
        wanted = {content_id(target) for target in self._targets}
        in_use = (*self._served.values(), *(entry.version for entry in self._retired))
        self._contents = {key: content for key, content in self._contents.items() if key in wanted}
        keep = {version.folder for version in in_use}
        keep |= {version.content.folder for version in in_use}
        if not self._fetching:
            self._with.store.prune(keep, self._targets)

    def _say(self) -> None:
        reports = tuple(self._describe(target) for target in self._targets)
        if reports != self._reported:
            self._reported = reports
            self._with.report(reports)

    def _describe(self, target: Target) -> AdapterReport:
        served, failure = self._served.get(target.name), self._failures.get(target)
        report = AdapterReport(name=target.name, source=target.source, strength=target.strength)
        if served is not None and served.target == target:
            content = served.content
            return replace(
                report, state="Ready", digest=content.digest, message="; ".join(content.warnings)
            )
        digest = served.content.digest if served else ""
        before = "; the version before is still served" if served else ""
        if failure is not None:
            return replace(report, state="Failed", digest=digest, message=failure.message + before)
        counter = self._fetching.get(content_id(target))
        state = "Loading" if counter is None else "Fetching"
        return replace(report, state=state, digest=digest, message=counter.text if counter else "")


def observe_source(source: str) -> str:
    """The fingerprint of a source that is a folder; empty for every other."""
    try:
        parsed = parse_source(source)
    except UsageError:
        return ""
    return observe_fingerprint(Path(parsed.path)) if isinstance(parsed, FolderSource) else ""


def _to_content(folder: Path, digest: str, checked: Facts) -> Content:
    return Content(folder=folder, digest=digest, rank=checked.rank, warnings=checked.warnings)


def _to_reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file'}: {error.strerror}"
    return f"{type(error).__name__}: {error}"
