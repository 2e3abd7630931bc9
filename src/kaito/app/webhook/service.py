"""Keeps the webhook believed: certificate in its Secret, listener, `caBundle` in registrations.

Every replica does all of it. Each write is valid for one revision only, so that of two that rotate
at once one takes over what the other made. Order at a rotation: the Secret, then the registrations
(which trust old and new), then the listener.
"""

import asyncio
import logging
import random

from kaito.api.core import SECRETS
from kaito.api.meta import Key, Manifest
from kaito.api.resources import reading
from kaito.app.webhook.keys import (
    Secret,
    ServingKeys,
    parse_keys,
    renew_keys,
    server_names,
    to_data,
)
from kaito.app.webhook.options import WebhookOptions
from kaito.app.webhook.registration import PLURALS, REGISTRATIONS, plan_bundle, registration_name
from kaito.app.webhook.review import Admission
from kaito.app.webhook.server import WebhookServer
from kaito.base.backoff import Backoff
from kaito.base.clock import Clock
from kaito.base.logs import facts
from kaito.kube import errors
from kaito.kube.client import Client

logger = logging.getLogger(__name__)

KEPT_IN = "workspace-webhook-cert"
"""KAITO's name for the Secret."""
_LOOK_SECONDS = 60.0
"""How often it is seen to; a registration that lost its `caBundle` is mended within that."""
_LOOK_SOON_SECONDS = 10.0
"""The same while a registration is missing: a chart may be about to bring it."""
_BACKOFF = Backoff(base=0.5, cap=30.0)
_SECRETS = reading(SECRETS, Secret)


class WebhookService:
    """The webhook of one replica."""

    def __init__(
        self, client: Client, admission: Admission, options: WebhookOptions, *, clock: Clock
    ) -> None:
        self._client = client
        self._options = options
        self._clock = clock
        self._key = Key(options.namespace, KEPT_IN)
        self._server = WebhookServer(admission)
        self._shown: ServingKeys | None = None
        self._absent: frozenset[str] = frozenset()
        self.port = 0
        """Where it listens; 0 before it does."""

    @property
    def missing(self) -> tuple[str, ...]:
        """What keeps it from answering, one line each."""
        return () if self._server.is_listening else ("the webhook has no certificate yet",)

    async def run(self) -> None:
        """Serve and see to certificates until cancelled."""
        failures = 0
        try:
            while True:
                try:
                    await self.see_to()
                    failures = 0
                    pause = _LOOK_SOON_SECONDS if self._absent else _LOOK_SECONDS
                except errors.ApiError as error:
                    pause = _BACKOFF.delay(failures, random.random)
                    failures += 1
                    found = facts(error=error, retry_in=round(pause, 1))
                    logger.warning("webhook not seen to", extra=found)
                await self._clock.sleep(pause)
        finally:
            await asyncio.shield(self._server.stop())

    async def see_to(self) -> None:
        """One look: keys made or taken over, registrations mended, certificate shown."""
        keys = await self._keep_keys()
        if self._shown is None:
            self._show(keys)
            self.port = await self._server.start(self._options.address)
        await self._register(keys.bundle)
        if keys != self._shown:
            self._show(keys)

    def _show(self, keys: ServingKeys) -> None:
        self._server.show(keys)
        self._shown = keys
        logger.info("webhook certificate loaded", extra=facts(secret=self._key))

    async def _keep_keys(self) -> ServingKeys:
        """The keys in the Secret, renewed where due.

        Raises:
            errors.Conflict: another replica renewed them just now; look again.
        """
        try:
            secret = await self._client.get(_SECRETS, self._key)
        except errors.NotFound:
            secret = Secret()
        found = parse_keys(secret)
        renewed = renew_keys(found, server_names(self._options), self._clock.now())
        if renewed is None:
            assert found is not None, "only keys that are there need no renewal"
            return found
        await self._store(secret, to_data(renewed))
        logger.info("webhook certificate made", extra=facts(secret=self._key))
        return renewed

    async def _store(self, old: Secret, data: Manifest) -> None:
        if not old.metadata.resource_version:
            meta = {"name": self._key.name, "namespace": self._key.namespace}
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data}
            try:
                await self._client.create(_SECRETS, secret)
            except errors.AlreadyExists as error:
                raise errors.Conflict(f"secret {self._key} was made by another replica") from error
            return
        guard = {"resourceVersion": old.metadata.resource_version}
        await self._client.patch(_SECRETS, self._key, {"metadata": guard, "data": data})

    async def _register(self, bundle: bytes) -> None:
        absent: set[str] = set()
        for name in map(registration_name, PLURALS):
            key = Key("", name)
            try:
                found = await self._client.get(REGISTRATIONS, key)
            except errors.NotFound:
                absent.add(name)
                continue
            if change := plan_bundle(found, bundle):
                await self._client.patch(REGISTRATIONS, key, change)
                logger.info("webhook registered", extra=facts(registration=name))
        if absent - self._absent:
            logger.info("no such registration", extra=facts(names=",".join(sorted(absent))))
        self._absent = frozenset(absent)
