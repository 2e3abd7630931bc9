"""The webhook's keys: when they are made anew, and what goes on being believed."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from kaito.app.webhook.keys import (
    LIFE,
    RENEW_BEFORE,
    Secret,
    ServingKeys,
    parse_keys,
    renew_keys,
    server_names,
    to_data,
)
from kaito.app.webhook.options import WebhookOptions

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = server_names(WebhookOptions())


def made(now: datetime = NOW) -> ServingKeys:
    keys = renew_keys(None, NAMES, now)
    assert keys is not None
    return keys


def authorities(keys: ServingKeys) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(keys.bundle)


def test_keys_are_made_where_there_are_none_and_kept_while_they_last() -> None:
    keys = made()
    assert renew_keys(keys, NAMES, NOW) is None
    assert renew_keys(keys, NAMES, NOW + LIFE - RENEW_BEFORE - timedelta(hours=1)) is None


def test_new_keys_come_well_before_the_old_end_and_both_are_believed_meanwhile() -> None:
    old = made()
    later = NOW + LIFE - RENEW_BEFORE

    new = renew_keys(old, NAMES, later)

    assert new is not None
    assert authorities(new)[1:] == authorities(old)
    server = x509.load_pem_x509_certificate(new.certificate)
    server.verify_directly_issued_by(authorities(new)[0])
    assert renew_keys(new, NAMES, later) is None


def test_an_authority_that_has_ended_leaves_the_bundle() -> None:
    keys = made()
    for month in range(1, 12):
        keys = renew_keys(keys, NAMES, NOW + month * LIFE) or keys
    assert len(authorities(keys)) == 1


def test_a_service_by_another_name_gets_other_keys() -> None:
    renamed = server_names(WebhookOptions(service="other"))
    assert renew_keys(made(), renamed, NOW) is not None


def test_keys_survive_their_secret() -> None:
    keys = made()
    assert parse_keys(Secret(data=to_data(keys))) == keys


@pytest.mark.parametrize(
    "changes",
    [
        {"tls.crt": ""},
        {"tls.crt": "%%%"},
        {"tls.crt": base64.b64encode(b"no certificate").decode()},
        {"ca.crt": ""},
        {"tls.key": ""},
    ],
)
def test_a_damaged_secret_is_as_good_as_none(changes: dict[str, str]) -> None:
    assert parse_keys(Secret(data={**to_data(made()), **changes})) is None


def test_a_key_of_another_certificate_is_replaced() -> None:
    keys, other = made(), made()
    mixed = ServingKeys(certificate=keys.certificate, key=other.key, bundle=keys.bundle)
    assert renew_keys(mixed, NAMES, NOW) is not None
