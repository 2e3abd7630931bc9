"""The webhook over real TLS: keys in their Secret, registrations mended, rotation while serving."""

import asyncio
import base64
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from tests.integration.operator.cluster import HOST, Cluster, eventually, workspace

from kaito.api.core import CONFIGMAPS, SECRETS
from kaito.api.meta import Key
from kaito.api.resources import reading
from kaito.app.admission import CATALOGUE, KaitoAdmission
from kaito.app.webhook.keys import Secret
from kaito.app.webhook.options import Address, WebhookOptions
from kaito.app.webhook.registration import REGISTRATIONS, render_registration
from kaito.app.webhook.review import Admission
from kaito.app.webhook.service import WebhookService
from kaito.base.clock import ManualClock

OPTIONS = WebhookOptions(address=Address(HOST, 0), service="kaito", namespace="default")
NAME = "kaito.default.svc"
KEPT = reading(SECRETS, Secret)
SECRET = Key("default", "workspace-webhook-cert")
REGISTRATION = Key("", "validation.workspace.kaito.sh")


def review(manifest: Any, operation: str = "CREATE") -> dict[str, Any]:
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "1",
            "operation": operation,
            "kind": {"group": "kaito.sh", "version": "v1beta1", "kind": "Workspace"},
            "resource": {"group": "kaito.sh", "version": "v1beta1", "resource": "workspaces"},
            "object": manifest,
        },
    }


async def registered_bundle(cluster: Cluster) -> bytes:
    """What API servers were told to believe."""
    found = await cluster.client.get(REGISTRATIONS, REGISTRATION)
    return base64.b64decode(found.webhooks[0].client_config.ca_bundle)


async def ask(port: int, bundle: bytes, body: Any) -> Any:
    """The response to a review."""
    status, text = await send(port, bundle, body)
    assert status == 200, text
    return json.loads(text)["response"]


async def send(port: int, bundle: bytes, body: Any) -> tuple[int, str]:
    """Send it as an API server does: believing the bundle, by the Service's name."""
    context = ssl.create_default_context(cadata=bundle.decode())
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"https://{HOST}:{port}/validate/workspace.kaito.sh",
            json=body,
            ssl=context,
            server_hostname=NAME,
        ) as answer,
    ):
        return answer.status, await answer.text()


async def shown(port: int, bundle: bytes) -> bytes:
    """The certificate that a new connection is shown."""
    context = ssl.create_default_context(cadata=bundle.decode())
    _, writer = await asyncio.open_connection(HOST, port, ssl=context, server_hostname=NAME)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    assert isinstance(found, bytes)
    return found


RULES = KaitoAdmission(CATALOGUE)


@asynccontextmanager
async def serving(
    cluster: Cluster, clock: ManualClock, admission: Admission = RULES
) -> AsyncIterator[WebhookService]:
    """A webhook that looks when the clock is advanced."""
    service = WebhookService(cluster.client, admission, OPTIONS, clock=clock)
    task = asyncio.create_task(service.run())

    async def listens() -> bool:
        return bool(service.port)

    await eventually(listens)
    try:
        yield service
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def registered(cluster: Cluster) -> Cluster:
    """A cluster whose chart has registered the webhook of Workspaces."""
    await cluster.client.create(REGISTRATIONS, render_registration("workspaces", OPTIONS))
    return cluster


async def test_a_review_is_answered_to_who_believes_the_registered_bundle(
    registered: Cluster,
) -> None:
    async with serving(registered, ManualClock(datetime.now(UTC))) as service:

        async def is_registered() -> bool:
            return bool(await registered_bundle(registered))

        await eventually(is_registered)
        bundle = await registered_bundle(registered)
        assert (await ask(service.port, bundle, review(workspace("w"))))["allowed"] is True
        refused = await ask(service.port, bundle, review(workspace("w", preset="phi-44")))
        assert refused["status"]["details"]["causes"][0]["field"] == "inference.preset.name"


async def test_keys_are_rotated_while_serving_and_old_clients_are_not_cut_off(
    registered: Cluster,
) -> None:
    # The clock starts in the past, so that keys made after its advance are valid today.
    clock = ManualClock(datetime.now(UTC) - timedelta(days=61))
    async with serving(registered, clock) as service:

        async def is_registered() -> bool:
            return bool(await registered_bundle(registered))

        await eventually(is_registered)
        old_bundle = await registered_bundle(registered)
        old = await shown(service.port, old_bundle)

        await clock.advance(61 * 24 * 3600)

        async def is_rotated() -> bool:
            await clock.advance(61)
            return await shown(service.port, await registered_bundle(registered)) != old

        await eventually(is_rotated)
        bundle = await registered_bundle(registered)
        assert bundle.endswith(old_bundle)
        assert (await ask(service.port, bundle, review(workspace("w"))))["allowed"] is True


async def test_a_mistake_of_ours_is_an_error_that_api_servers_pass_over(
    registered: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def admit(self, operation: str, resource: str, *, old: Any, new: Any) -> tuple[()]:
            raise RuntimeError("a mistake of the programmer")

    async with serving(registered, ManualClock(datetime.now(UTC)), Broken()) as service:
        found = await registered.client.get(KEPT, SECRET)
        bundle = base64.b64decode(found.data["ca.crt"])
        assert (await send(service.port, bundle, review(workspace("w"))))[0] == 500
        assert (await send(service.port, bundle, ["no review"]))[0] == 400

    (record,) = [r for r in caplog.records if r.message == "review failed"]
    assert record.exc_info is not None


async def test_two_replicas_settle_on_one_secret(registered: Cluster) -> None:
    clock = ManualClock(datetime.now(UTC))
    async with serving(registered, clock) as first, serving(registered, clock) as second:

        async def is_registered() -> bool:
            return bool(await registered_bundle(registered))

        await eventually(is_registered)
        bundle = await registered_bundle(registered)
        assert await shown(first.port, bundle) == await shown(second.port, bundle)


async def test_what_somebody_broke_is_mended_at_the_next_look(registered: Cluster) -> None:
    clock = ManualClock(datetime.now(UTC))
    async with serving(registered, clock) as service:

        async def is_registered() -> bool:
            return bool(await registered_bundle(registered))

        await eventually(is_registered)
        await registered.client.delete(REGISTRATIONS, REGISTRATION)
        await registered.client.delete(KEPT, SECRET)
        await registered.client.create(REGISTRATIONS, render_registration("workspaces", OPTIONS))

        async def is_mended() -> bool:
            await clock.advance(61)
            return await is_registered()

        await eventually(is_mended)
        bundle = await registered_bundle(registered)

        async def is_shown() -> bool:
            await clock.advance(61)
            try:
                await shown(service.port, bundle)
            except ssl.SSLCertVerificationError:
                return False
            return True

        await eventually(is_shown)
        found = await registered.client.get(KEPT, SECRET)
        assert base64.b64decode(found.data["ca.crt"]) == bundle


async def test_the_operator_serves_it_and_judges_configs_from_its_cache(
    registered: Cluster,
) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "engine", "namespace": "default"},
        "data": {"inference_config.yaml": "vllm: [broken"},
    }
    await registered.client.create(CONFIGMAPS, config)
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    operator = registered.operator(
        "--webhook=true", WEBHOOK_PORT=str(port), WEBHOOK_SERVICE="kaito"
    )
    async with operator:
        await operator.says("leading")
        await operator.says("webhook registered")
        bundle = await registered_bundle(registered)
        manifest = workspace("w")
        manifest["inference"]["config"] = "engine"

        refused = await ask(port, bundle, review(manifest))

        assert refused["allowed"] is False, json.dumps(refused)
        assert refused["status"]["details"]["causes"][0]["field"] == "inference.config"
        too_small = workspace("w", preset="deepseek-r1-0528")
        refused = await ask(port, bundle, review(too_small))
        assert refused["status"]["details"]["causes"][0]["field"] == "resource.instanceType"
