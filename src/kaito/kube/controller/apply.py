"""The one place where decisions become requests."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from kaito.api.meta import Key, Manifest
from kaito.kube import errors
from kaito.kube.cache import Reader
from kaito.kube.client import Client
from kaito.kube.controller.decision import (
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


class Executor:
    """Carries out decisions in one controller's name."""

    def __init__(self, client: Client, *, manager: str, carry_out: CarryOut | None = None) -> None:
        """`manager` is the field manager that owns what is applied."""
        self._client = client
        self._manager = manager
        self._carry_out = carry_out
        self._replaced: dict[Key, StatusWrite] = {}
        """Status writes whose effect may not have come back by the watch yet."""

    def is_ahead_of(self, reader: Reader, key: Key) -> bool:
        """Whether the cache still has the object as it was before our own last status write.

        Whatever is decided from that is refused as a conflict, or done twice; and what will
        correct the cache brings the key back.
        """
        last = self._replaced.get(key)
        if last is None:
            return False
        known = reader.get(last.resource, last.key)
        if known is not None and known.metadata.resource_version == last.resource_version:
            return True
        del self._replaced[key]
        return False

    async def apply(self, decision: Decision) -> tuple[Note, ...]:
        """Actions in order, effects, then the one status write; what there is to tell of it.

        Stops at the first error. Events speak of what has happened, so nothing is to be told
        unless every write has succeeded.

        Raises:
            errors.ApiError: `Conflict`, or `AlreadyExists` of what should be new, when the decision
                was made on an outdated reading; the caller looks again. What was done before stays
                done: every action is idempotent.
        """
        notes: list[Note] = []
        for action in decision.actions:
            changed = await self._act(action)
            if changed and action.note:
                notes.append(action.note)
        for effect in decision.effects:
            assert self._carry_out, f"{self._manager} decides on effects without a carry_out"
            await self._carry_out(effect)
        if decision.status:
            await self._write_status(decision.status)
        return (*notes, *decision.notes)

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
            if isinstance(action, Delete | Patch):
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

    async def _patch(self, action: Patch) -> None:
        await self._client.patch(
            action.resource,
            action.key,
            action.patch,
            subresource=action.subresource,
            query={"fieldManager": self._manager},
        )

    async def _write_status(self, write: StatusWrite) -> None:
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
            return
        if written.metadata.resource_version != write.resource_version:
            self._replaced[write.key] = write
