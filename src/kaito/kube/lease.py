"""One Lease as a lock: who may hold it, and the guarded writes that say so.

A holder promises to stop within the duration it wrote. Everybody else measures that duration on
their own clock from the moment they *saw* the Lease change, so that clocks which disagree cannot
shorten it. Each write is valid for one revision only: of two that try at once, one is refused.
The rules are those of https://pkg.go.dev/k8s.io/client-go/tools/leaderelection.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from kaito.api.core import LEASES, Lease, LeaseSpec
from kaito.api.meta import Key, Manifest
from kaito.base.clock import Clock, to_rfc3339_micro
from kaito.kube import errors
from kaito.kube.client import Client

Move = Literal["take", "renew", "wait"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettings:
    """Which Lease, for whom, and how long things may take. All times in seconds."""

    key: Key
    identity: str
    """Different for every start of every process."""
    duration: float = 15.0
    """How long others wait for a holder that says nothing."""
    renew_deadline: float = 10.0
    """How long after its last renewal a holder stops; less than `duration`."""
    retry: float = 2.0

    def __post_init__(self) -> None:
        if not self.duration > self.renew_deadline > self.retry > 0:
            raise ValueError("a lease needs duration > renew_deadline > retry > 0")


class Leases(Protocol):
    """The three requests a lock makes. They raise `kube.errors`."""

    async def read(self, key: Key) -> Lease:
        """The Lease as it is; `NotFound` when there is none."""
        ...

    async def create(self, manifest: Manifest) -> Lease:
        """A new Lease; `AlreadyExists` when somebody was faster."""
        ...

    async def patch(self, key: Key, patch: Manifest) -> Lease:
        """A merge patch; `Conflict` when it names a revision that is no longer the current one."""
        ...


class ApiLeases:
    """Leases of an API server."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, key: Key) -> Lease:
        """The Lease as it is."""
        return await self._client.get(LEASES, key)

    async def create(self, manifest: Manifest) -> Lease:
        """A new Lease."""
        return await self._client.create(LEASES, manifest)

    async def patch(self, key: Key, patch: Manifest) -> Lease:
        """A merge patch."""
        return await self._client.patch(LEASES, key, patch)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A Lease as last seen, and when it was first seen like that on our own clock."""

    lease: Lease
    since: float


def compare(before: Sighting | None, lease: Lease, now: float) -> Sighting:
    """What is seen now; the moment moves only when the holder has written something."""
    same = before is not None and before.lease.spec == lease.spec
    return Sighting(lease, before.since if before is not None and same else now)


def decide_move(seen: Sighting, identity: str, now: float) -> Move:
    """What a candidate may do about a Lease that exists."""
    spec = seen.lease.spec
    if spec.holder_identity == identity:
        return "renew"
    if not spec.holder_identity:
        return "take"
    # The holder's own promise counts, not our setting: releases may differ in it.
    return "take" if now - seen.since >= spec.lease_duration_seconds else "wait"


class LeaseLock:
    """A lock that one of several processes holds at a time."""

    def __init__(self, leases: Leases, settings: LeaseSettings, *, clock: Clock) -> None:
        self.settings = settings
        self.renewed_at: float | None = None
        """Monotonic time just before the last write that succeeded as holder was sent."""
        self._leases = leases
        self._clock = clock
        self._seen: Sighting | None = None
        self._is_current = False

    @property
    def holder(self) -> str:
        """Who held it when last seen; empty for nobody."""
        return self._seen.lease.spec.holder_identity if self._seen else ""

    async def attempt(self) -> bool:
        """Take or renew it where that is allowed; whether it is ours now.

        Raises:
            errors.ApiError: nothing is known; what was sent may have arrived or not.
        """
        renewing, self._is_current = self._is_current, False
        if renewing:
            # What we wrote last is what stands there, unless somebody else wrote since.
            try:
                return await self._write()
            except (errors.Conflict, errors.NotFound):
                pass
        try:
            lease = await self._leases.read(self.settings.key)
        except errors.NotFound:
            return await self._create_if_free()
        now = self._clock.monotonic()
        self._seen = compare(self._seen, lease, now)
        if decide_move(self._seen, self.settings.identity, now) == "wait":
            return False
        try:
            return await self._write()
        except errors.Conflict:
            return False

    async def release(self) -> None:
        """Let others take it at once, if it is still ours. Call when all work has ended."""
        self.renewed_at = None
        self._is_current = False
        try:
            lease = await self._leases.read(self.settings.key)
        except errors.NotFound:
            return
        if lease.spec.holder_identity != self.settings.identity:
            return
        spec = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._now()}
        await self._leases.patch(self.settings.key, _guarded(lease, spec))

    async def _create_if_free(self) -> bool:
        """Make the Lease; one that somebody deleted by hand still binds until it would expire."""
        now = self._clock.monotonic()
        if self._seen and decide_move(self._seen, self.settings.identity, now) == "wait":
            return False
        key = self.settings.key
        manifest: Manifest = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
            "spec": self._render(None),
        }
        sent_at = self._clock.monotonic()
        try:
            lease = await self._leases.create(manifest)
        except errors.AlreadyExists:
            return False
        return self._held(lease, sent_at)

    async def _write(self) -> bool:
        assert self._seen is not None, "only what was read is written"
        lease = self._seen.lease
        patch = _guarded(lease, self._render(lease.spec))
        sent_at = self._clock.monotonic()
        return self._held(await self._leases.patch(self.settings.key, patch), sent_at)

    def _held(self, lease: Lease, sent_at: float) -> bool:
        # Others count from when they see this write, which is never before it was sent.
        self.renewed_at = sent_at
        self._seen = compare(self._seen, lease, self._clock.monotonic())
        self._is_current = True
        return True

    def _render(self, old: LeaseSpec | None) -> Manifest:
        identity, now = self.settings.identity, self._now()
        spec: Manifest = {
            "holderIdentity": identity,
            "leaseDurationSeconds": int(self.settings.duration),
            "renewTime": now,
        }
        if old is None or old.holder_identity != identity:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = old.lease_transitions + 1 if old else 0
        return spec

    def _now(self) -> str:
        return to_rfc3339_micro(self._clock.now())


def _guarded(lease: Lease, spec: Manifest) -> Manifest:
    return {"metadata": {"resourceVersion": lease.metadata.resource_version}, "spec": spec}
