"""The webhook's certificate in its Secret: what is kept, when it is made anew. Pure.

Every rotation makes a new authority, signs one server certificate and forgets the authority's key:
there is no long-lived secret to steal. The old authority stays in the bundle until it ends, so that
replicas that still show the old certificate are believed meanwhile.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta

from kaito.api.meta import Manifest, Object
from kaito.app.webhook.options import WebhookOptions
from kaito.base.certificates import ServerNames, ends_at, issue_authority, issue_server, serves

LIFE = timedelta(days=90)
RENEW_BEFORE = timedelta(days=30)
_PEM_END = b"-----END CERTIFICATE-----\n"
_CERTIFICATE, _KEY, _BUNDLE = "tls.crt", "tls.key", "ca.crt"


class Secret(Object):
    """A Secret with its contents."""

    data: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingKeys:
    """What the webhook shows, and by which authorities it may be believed."""

    certificate: bytes
    key: bytes
    bundle: bytes
    """Authorities as PEM, the newest first."""


def server_names(options: WebhookOptions) -> ServerNames:
    """Under which names the API server calls the Service."""
    inside = f"{options.service}.{options.namespace}"
    return ServerNames(
        common_name=f"{inside}.svc",
        dns=(f"{inside}.svc", inside, f"{inside}.svc.cluster.local", "localhost"),
        addresses=("127.0.0.1", "::1"),
    )


def parse_keys(secret: Secret) -> ServingKeys | None:
    """What a Secret holds; None for an empty, foreign or damaged one."""
    try:
        certificate, key, bundle = (
            base64.b64decode(secret.data[name], validate=True)
            for name in (_CERTIFICATE, _KEY, _BUNDLE)
        )
    except (KeyError, binascii.Error):
        return None
    if ends_at(certificate) is None or ends_at(bundle) is None or not key:
        return None
    return ServingKeys(certificate=certificate, key=key, bundle=bundle)


def to_data(keys: ServingKeys) -> Manifest:
    """The contents of a Secret."""
    parts = {_CERTIFICATE: keys.certificate, _KEY: keys.key, _BUNDLE: keys.bundle}
    return {name: base64.b64encode(part).decode() for name, part in parts.items()}


def renew_keys(old: ServingKeys | None, names: ServerNames, now: datetime) -> ServingKeys | None:
    """New keys where they are due, or None while the old will do."""
    if old is not None and _does(old, names, now):
        return None
    authority = issue_authority("kaito-webhook-ca", now=now, life=LIFE)
    server = issue_server(authority, names, now=now, life=LIFE)
    before = tuple(_certificates(old.bundle)) if old else ()
    still_valid = (pem for pem in before if _remaining(pem, now) > timedelta(0))
    return ServingKeys(
        certificate=server.certificate_pem,
        key=server.key_pem,
        bundle=b"".join((authority.certificate_pem, *still_valid)),
    )


def _does(old: ServingKeys, names: ServerNames, now: datetime) -> bool:
    """Whether the keys last a while, belong together, and say what the Service is called today."""
    lasts = _remaining(old.certificate, now) > RENEW_BEFORE
    return lasts and serves(old.certificate, old.key, names)


def _remaining(pem: bytes, now: datetime) -> timedelta:
    ends = ends_at(pem)
    return ends - now if ends else timedelta(0)


def _certificates(bundle: bytes) -> tuple[bytes, ...]:
    return tuple(part + _PEM_END for part in bundle.split(_PEM_END) if part.strip())
