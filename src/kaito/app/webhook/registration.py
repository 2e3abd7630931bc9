"""How API servers are told of the webhook: one ValidatingWebhookConfiguration for each kind.

The chart makes them; the operator only keeps their `caBundle` right. Why they can never lock a
cluster is docs/decisions/0006-webhook-cannot-lock-a-cluster.md.
"""

import base64
from typing import Any

from kaito.api.labels import GROUP
from kaito.api.meta import Manifest, Object, Wire
from kaito.api.resources import Resource
from kaito.app.webhook.options import WebhookOptions
from kaito.kube.client import Change

TIMEOUT_SECONDS = 5
PLURALS = ("workspaces", "inferencesets", "ragengines", "modelmirrors", "multiroleinferences")
_VERSIONS = ("v1alpha1", "v1beta1")


class ClientConfig(Wire):
    """How an API server reaches a webhook, as far as we read it."""

    ca_bundle: str = ""


class Webhook(Wire):
    """One entry of a registration."""

    name: str = ""
    client_config: ClientConfig = ClientConfig()


class Registration(Object):
    """A ValidatingWebhookConfiguration, as far as we read it."""

    webhooks: tuple[Webhook, ...] = ()


REGISTRATIONS = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    plural="validatingwebhookconfigurations",
    kind="ValidatingWebhookConfiguration",
    type=Registration,
    namespaced=False,
)


def kind_of(plural: str) -> str:
    """The word for a kind in names and paths, e.g. `workspace`."""
    return plural.removesuffix("s")


def registration_name(plural: str) -> str:
    """KAITO's name for a kind's registration (spec section 1.8)."""
    return f"validation.{kind_of(plural)}.{GROUP}"


def review_path(plural: str) -> str:
    """Where reviews of a kind are sent."""
    return f"/validate/{kind_of(plural)}.{GROUP}"


def render_registration(plural: str, options: WebhookOptions, *, url: str = "") -> Manifest:
    """The registration of one kind; with `url` for a webhook outside of the cluster."""
    where: dict[str, Any] = {"url": url + review_path(plural)}
    if not url:
        service = {
            "name": options.service,
            "namespace": options.namespace,
            "path": review_path(plural),
            "port": options.address.port,
        }
        where = {"service": service}
    return {
        "apiVersion": REGISTRATIONS.api_version,
        "kind": REGISTRATIONS.kind,
        "metadata": {"name": registration_name(plural)},
        "webhooks": [
            {
                "name": registration_name(plural),
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Ignore",
                "timeoutSeconds": TIMEOUT_SECONDS,
                "matchPolicy": "Equivalent",
                "rules": [
                    {
                        "apiGroups": [GROUP],
                        "apiVersions": list(_VERSIONS),
                        "operations": ["CREATE", "UPDATE"],
                        # Without `/status`: what controllers report never waits for a webhook.
                        "resources": [plural],
                        "scope": "*",
                    }
                ],
                "matchConditions": [
                    {
                        "name": "not-being-deleted",
                        "expression": "!has(object.metadata.deletionTimestamp)",
                    }
                ],
                "clientConfig": where,
            }
        ],
    }


def plan_bundle(found: Registration, bundle: bytes) -> Change | None:
    """The patch that makes API servers believe the webhook; None when they do already."""
    wanted = base64.b64encode(bundle).decode()
    stale = [
        index
        for index, webhook in enumerate(found.webhooks)
        if webhook.client_config.ca_bundle != wanted
    ]
    if not stale:
        return None
    # A JSON patch: it is the one kind of patch that leaves the list's other fields to the chart.
    steps: list[Manifest] = []
    for index in stale:
        name = found.webhooks[index].name
        steps += [
            {"op": "test", "path": f"/webhooks/{index}/name", "value": name},
            {"op": "add", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": wanted},
        ]
    return Change(steps, "json")
