"""The one place where decisions become requests."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from kaito.api.meta import Key, Manifest, Object
from kaito.api.resources import Resource
from kaito.kube import errors
from kaito.kube.cache import Reader
from kaito.kube.client import Client
from kaito.kube.controller.decision import (
    WRITE_REFUSED,
    Action,
    Apply,
    Create,
    Decision,
    Delete,
    Note,
    Patch,
    StatusWrite,
)

CarryOut: TypeAlias = Callable[[object], Awaitable[None]]
"""Makes one effect of a decision real. Must be idempotent, as all actions are."""


@dataclass(frozen=True, slots=True)
class _Replaced:
    """Revisions that an object has had before our own writes."""

    resource: Resource[Any]
    revisions: frozenset[str]


class Executor:
    """Carries out decisions in one controller's name."""

    def __init__(self, client: Client, *, manager: str, carry_out: CarryOut | None = None) -> None:
        """`manager` is the field manager that owns what is applied."""
        self._client = client
        self._manager = manager
        self._carry_out = carry_out
        self._replaced: dict[Key, _Replaced] = {}
        """Objects as they were before own writes that may not have come back by the watch yet."""
        self._unkept: dict[Key, StatusWrite] = {}
        """The last write of each status that changed nothing, where a CRD drops what we add."""

    def is_ahead_of(self, reader: Reader, key: Key) -> bool:
        """Whether the cache still has the object as it was before our own last write of it.

        Writes of its status, and those that are gates. Whatever is decided from that is refused as
        a conflict, or done twice; and what will correct the cache brings the key back.
        """
        idle = self._unkept.get(key)
        if idle is not None and reader.get(idle.resource, key) is None:
            del self._unkept[key]
        last = self._replaced.get(key)
        if last is None:
            return False
        known = reader.get(last.resource, key)
        if known is not None and known.metadata.resource_version in last.revisions:
            return True
        del self._replaced[key]
        return False

    async def apply(self, decision: Decision) -> tuple[Note, ...]:
        """Actions in order, effects, then the one status write; what there is to tell of it.

        Stops at the first error. Events speak of what has happened, so nothing is to be told
        unless every write has succeeded; nor of a status of which the server keeps nothing new, for
        every later pass would tell it again.

        Raises:
            errors.ApiError: `Conflict`, or `AlreadyExists` of what should be new, when the decision
                was made on an outdated reading; the caller looks again. What was done before stays
                done: every action is idempotent.
        """
        notes: list[Note] = []
        status = decision.status
        try:
            for action in decision.actions:
                if isinstance(action, Patch) and action.is_gate:
                    status = await self._pass_gate(action, status)
                    changed = True
                else:
                    changed = await self._act(action)
                if changed and action.note:
                    notes.append(action.note)
        except errors.ApiError as error:
            await self._tell_refusal(status, error)
            raise
        for effect in decision.effects:
            assert self._carry_out, f"{self._manager} decides on effects without a carry_out"
            await self._carry_out(effect)
        is_news = status is None or await self._write_status(status)
        return (*notes, *(decision.notes if is_news else ()))

    async def _pass_gate(self, gate: Patch, status: StatusWrite | None) -> StatusWrite | None:
        """Write a patch that all else hangs on; the status as it is to be written after that.

        Raises:
            errors.Conflict: the object is gone, or going.
        """
        try:
            answer = await self._patch(gate)
        except errors.NotFound as error:
            raise errors.Conflict(f"{gate.key} is gone; nothing is made for it any more") from error
        if answer.metadata.is_deleting:
            raise errors.Conflict(f"{gate.key} is being deleted; nothing is made for it any more")
        if status is None or (status.resource, status.key) != (gate.resource, gate.key):
            return status
        made = answer.metadata.resource_version
        if made == status.resource_version:
            return status
        self._outdate(status)
        return replace(status, resource_version=made)

    async def _tell_refusal(self, write: StatusWrite | None, error: errors.ApiError) -> None:
        """Have the status name what waiting does not cure."""
        if write is None or not write.verdict or not error.is_refusal:
            return
        blamed = replace(write, status=_blame(write, str(error)))
        with suppress(errors.ApiError):  # the first error is the one to tell
            await self._write_status(blamed)

    def _outdate(self, write: StatusWrite) -> None:
        """Remember that the object is not as it was at that revision any more."""
        earlier = self._replaced.get(write.key)
        revisions = earlier.revisions if earlier else frozenset()
        self._replaced[write.key] = _Replaced(write.resource, revisions | {write.resource_version})

    async def _act(self, action: Action) -> bool:
        """Whether the action changed anything."""
        try:
            match action:
                case Create():
                    await self._create(action)
                case Apply():
                    await self._apply(action)
                case Patch():
                    await self._patch(action)
                case Delete():
                    await self._client.delete(
                        action.resource,
                        action.key,
                        uid=action.uid,
                        propagation=action.propagation,
                        grace_seconds=action.grace_seconds,
                    )
        except errors.AlreadyExists:
            if isinstance(action, Create):
                return False
            raise
        except errors.NotFound:
            if isinstance(action, Delete | Patch) or _is_about_another(action):
                return False
            raise
        return True

    async def _create(self, action: Create) -> None:
        await self._client.create(
            action.resource,
            action.manifest,
            manager=self._manager,
            subresource=action.subresource,
        )

    async def _apply(self, action: Apply) -> None:
        if action.is_new:
            # Apply knows no such condition; asking first leaves only the moment between the two.
            await self._client.create(
                action.resource, action.manifest, manager=self._manager, is_rehearsal=True
            )
        await self._client.apply(action.resource, action.manifest, manager=self._manager)

    async def _patch(self, action: Patch) -> Object:
        answer: Object = await self._client.patch(
            action.resource,
            action.key,
            action.patch,
            subresource=action.subresource,
            query={"fieldManager": self._manager},
        )
        return answer

    async def _write_status(self, write: StatusWrite) -> bool:
        """Whether the server keeps something that it did not have.

        What it did not keep before, of the same revision, is not written again.
        """
        if self._unkept.get(write.key) == write:
            return False
        patch: Manifest = {
            "metadata": {"resourceVersion": write.resource_version},
            "status": write.status,
        }
        try:
            written = await self._client.patch(
                write.resource,
                write.key,
                patch,
                subresource="status",
                query={"fieldManager": self._manager},
            )
        except errors.NotFound:
            return True
        is_kept = bool(written.metadata.resource_version != write.resource_version)
        if is_kept:
            self._unkept.pop(write.key, None)
            self._outdate(write)
        else:
            self._unkept[write.key] = write
        return is_kept


def _is_about_another(action: Action) -> bool:
    """Whether it makes nothing of its own: an eviction is done where its pod is gone."""
    return isinstance(action, Create) and bool(action.subresource)


def _blame(write: StatusWrite, message: str) -> Manifest:
    """The status with what was refused as the reason of its verdict, unless that holds anyway."""
    refused = {"reason": WRITE_REFUSED, "message": message}
    found = [
        {**condition, **refused}
        if (condition["type"], condition["status"]) == (write.verdict, "False")
        else condition
        for condition in write.status["conditions"]
    ]
    return {**write.status, "conditions": found}
