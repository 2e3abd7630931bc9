"""Registrations: nothing in them can lock a cluster, and only `caBundle` is ours to change."""

import base64

import msgspec
import pytest

from kaito.api.kinds import KINDS
from kaito.app.webhook.options import WebhookOptions
from kaito.app.webhook.registration import (
    PLURALS,
    Registration,
    plan_bundle,
    registration_name,
    render_registration,
    review_path,
)

BUNDLE = b"-----BEGIN CERTIFICATE-----"


@pytest.mark.parametrize("plural", PLURALS)
def test_no_registration_can_block_deletion_status_or_a_cluster_without_us(plural: str) -> None:
    (webhook,) = render_registration(plural, WebhookOptions())["webhooks"]
    (rule,) = webhook["rules"]

    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["timeoutSeconds"] <= 5
    assert rule["operations"] == ["CREATE", "UPDATE"]
    assert rule["resources"] == [plural]
    assert webhook["matchConditions"][0]["expression"] == "!has(object.metadata.deletionTimestamp)"


def test_every_kind_has_a_registration_under_kaito_s_name() -> None:
    assert set(PLURALS) == {kind.resource.plural for kind in KINDS}
    assert registration_name("workspaces") == "validation.workspace.kaito.sh"
    assert review_path("workspaces") == "/validate/workspace.kaito.sh"


def test_a_bundle_is_written_once() -> None:
    bare = msgspec.convert(render_registration("workspaces", WebhookOptions()), Registration)

    change = plan_bundle(bare, BUNDLE)

    assert change is not None
    assert change.kind == "json"
    wanted = base64.b64encode(BUNDLE).decode()
    assert change.body[1]["value"] == wanted
    manifest = render_registration("workspaces", WebhookOptions())
    manifest["webhooks"][0]["clientConfig"]["caBundle"] = wanted
    assert plan_bundle(msgspec.convert(manifest, Registration), BUNDLE) is None
