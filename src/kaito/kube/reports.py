"""Asks pods how far they are, and keeps the answers where controllers read: a cache of reports.

Only pods that name a port for it are asked (`kaito.sh/report-port`), at their own address and never
through the API server: every two seconds while they are on their way, every half minute after. A
pod that does not answer is asked less and less; nothing depends on an answer, and network policies
may forbid it. The cache changes when a stage does, and at most every ten seconds for mere progress:
whoever decides from it then writes no oftener than that.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, Self

import aiohttp
import msgspec

from kaito.api import labels
from kaito.api.core import PODS, Pod
from kaito.api.meta import Key, ObjectMeta
from kaito.api.report import REPORT_PATH, REPORTS, PodReport, TuningReport
from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.kube.cache import Cache
from kaito.kube.informer import Informers

logger = logging.getLogger(__name__)

MOVING_SECONDS = 2.0
RESTING_SECONDS = 30.0
PROGRESS_SECONDS = 10.0
"""Between two changes of the cache that tell of nothing but more bytes or steps."""
_TICK_SECONDS = 1.0
_TIMEOUT_SECONDS = 2.0
_AT_ONCE = 32
_MOST_BYTES = 262_144
"""A report with a loss curve of 200 points has about 12 KB."""


class Silent(Exception):
    """The pod said nothing at all within the time: packets are dropped, or it hangs."""


class Ask(Protocol):
    """Gets one report."""

    async def __call__(self, address: str, port: int) -> PodReport | None:
        """The report, or None where there is none yet.

        Raises:
            Silent: nobody answered in time.
        """
        ...


class HttpAsk(AbstractAsyncContextManager["HttpAsk"]):
    """Asks over HTTP. Use as an async context manager."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        connector = aiohttp.TCPConnector(force_close=True, limit=_AT_ONCE)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def __call__(self, address: str, port: int) -> PodReport | None:
        """See `Ask`."""
        assert self._session is not None, "used outside of its context"
        host = f"[{address}]" if ":" in address else address
        url = f"http://{host}:{port}{REPORT_PATH}"
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status != 200:
                    return None
                return _decode(await _read(response.content))
        except TimeoutError as error:
            raise Silent from error
        except (aiohttp.ClientError, OSError):
            return None


@dataclass(slots=True)
class _Followed:
    """What is remembered of one pod that is asked."""

    pod: Pod
    due: float
    seen_at: float
    silences: int = 0
    changed_at: float = 0.0
    hurried_until: float = 0.0
    """It was just told something, and will soon have more to say."""


class ReportPoller:
    """Follows the pods of a cache and keeps their reports in another."""

    def __init__(
        self,
        pods: Cache[Pod],
        *,
        clock: Clock,
        ask: Ask | None = None,
        may_ask: Callable[[], bool] = lambda: True,
    ) -> None:
        """`may_ask` is false in a replica that only stands by; `ask` is HTTP unless given."""
        self.cache: Cache[PodReport] = Cache()
        self._clock = clock
        self._ask = ask
        self._may_ask = may_ask
        self._followed: dict[Key, _Followed] = {}
        self._revisions = itertools.count(1)
        pods.subscribe(self._hear)

    async def run(self) -> None:
        """Ask until cancelled."""
        if self._ask is not None:
            await self._run(self._ask)
            return
        async with HttpAsk() as ask:
            await self._run(ask)

    async def _run(self, ask: Ask) -> None:
        limit = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                if self._may_ask():
                    for one in self._due():
                        group.create_task(self._follow(one, ask, limit))
                await self._clock.sleep(_TICK_SECONDS)

    def _due(self) -> tuple[_Followed, ...]:
        now = self._clock.monotonic()
        found = tuple(one for one in self._followed.values() if one.due <= now)
        for one in found:
            one.due = float("inf")  # until it has answered
        return found

    async def _follow(self, one: _Followed, ask: Ask, limit: asyncio.Semaphore) -> None:
        pod, report = one.pod, None
        try:
            async with limit:
                report = await ask(pod.status.pod_ip, report_port(pod))
            one.silences = 0
        except Silent:
            one.silences += 1
        except Exception:  # one pod's answer must not end the asking of all
            logger.exception("report not read", extra=facts(pod=pod.key))
        now = self._clock.monotonic()
        if self._followed.get(pod.key) is not one:
            return  # the pod went, or another came under its name, while it was asked
        if report is not None:
            self._keep(one, report, now)
        one.due = now + self._pause(one)

    def _keep(self, one: _Followed, report: PodReport, now: float) -> None:
        before = self.cache.get(one.pod.key)
        may_wait = now - one.changed_at < PROGRESS_SECONDS
        if before is not None and _is_old_news(report, before, may_wait=may_wait):
            return
        one.changed_at = now
        meta = one.pod.metadata
        kept = ObjectMeta(
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            resource_version=str(next(self._revisions)),
            labels=meta.labels,
            owner_references=meta.owner_references,
        )
        self.cache.upsert(msgspec.structs.replace(report, metadata=kept))

    def _pause(self, one: _Followed) -> float:
        if one.silences:
            return float(min(MOVING_SECONDS * 2**one.silences, RESTING_SECONDS))
        report = self.cache.get(one.pod.key)
        moves = not one.pod.is_ready or (report is not None and is_moving(report))
        now = self._clock.monotonic()
        # A trainer is Ready before it has anything to say.
        moves |= report is None and now - one.seen_at < RESTING_SECONDS
        moves |= now < one.hurried_until
        return MOVING_SECONDS if moves else RESTING_SECONDS

    def _hear(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        assert pod is not None
        known = self._followed.get(pod.key)
        if new is None or not is_asked(new):
            if known is not None:
                self._forget(pod.key)
            return
        now = self._clock.monotonic()
        if known is not None and known.pod.metadata.uid != new.metadata.uid:
            self._forget(pod.key)
            known = None
        if known is None:
            self._followed[new.key] = _Followed(new, now, seen_at=now)
            return
        turned = known.pod.is_ready != new.is_ready
        if _told(known.pod) != _told(new):
            known.hurried_until, turned = now + RESTING_SECONDS, True
        known.pod = new
        if turned and known.due != float("inf"):
            known.due = now

    def _forget(self, key: Key) -> None:
        del self._followed[key]
        self.cache.remove(key)


def follow_reports(
    informers: Informers, *, clock: Clock, may_ask: Callable[[], bool] = lambda: True
) -> None:
    """Have `informers` serve reports too; before any controller that watches them is added."""
    poller = ReportPoller(informers.watch(PODS), clock=clock, may_ask=may_ask)
    informers.attach(REPORTS, poller.cache, poller.run)


def report_port(pod: Pod) -> int:
    """The port at which a pod answers; 0: it names none that could be one."""
    text = pod.metadata.annotations.get(labels.REPORT_PORT, "")
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return port if port < 65536 else 0


def is_asked(pod: Pod) -> bool:
    """Whether it could answer now."""
    is_alive = pod.status.phase in ("Pending", "Running") and not pod.metadata.is_deleting
    return bool(is_alive and pod.status.pod_ip and report_port(pod))


def is_moving(report: PodReport) -> bool:
    """Whether something in a ready pod is still on its way."""
    on_its_way = any(adapter.state in ("Fetching", "Loading") for adapter in report.adapters)
    return on_its_way or report.tuning is not None


def _told(pod: Pod) -> str:
    """What the control plane last told the program in it by a mounted file."""
    return pod.metadata.annotations.get(labels.ADAPTERS_HASH, "")


def _decode(body: bytes) -> PodReport | None:
    try:
        return msgspec.json.decode(body, type=PodReport)
    except msgspec.MsgspecError:
        return None  # something else answers there


async def _read(content: aiohttp.StreamReader) -> bytes:
    body = b""
    while chunk := await content.readany():
        body += chunk
        if len(body) > _MOST_BYTES:
            return b""
    return body


def _is_old_news(report: PodReport, before: PodReport, *, may_wait: bool) -> bool:
    if _essence(report) != _essence(before):
        return False
    return may_wait or _progress(report) == _progress(before)


def _essence(report: PodReport) -> object:
    """What a decision may hang on: everything but how long, how far and how fast."""
    stages = tuple((s.name, s.is_over, s.total) for s in report.stages)
    tuning = report.tuning
    milestones = tuning and (tuning.checkpoint, tuning.resumed_from, tuning.result, tuning.steps)
    engine = (report.engine, report.context_tokens, report.cache_tokens)
    return (report.program, stages, report.adapters, milestones, engine, report.warnings)


def _progress(report: PodReport) -> object:
    stages = tuple((s.done, s.item) for s in report.stages)
    tuning = report.tuning or TuningReport()
    return (stages, msgspec.structs.replace(tuning, eta_seconds=-1, tokens_per_second=None))
