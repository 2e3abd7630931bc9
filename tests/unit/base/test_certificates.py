"""Certificates: who is believed by whom, under which names, until when."""

from datetime import UTC, datetime, timedelta

from cryptography import x509

from kaito.base.certificates import ServerNames, ends_at, issue_authority, issue_server, serves

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ServerNames(common_name="a", dns=("a.b.svc",), addresses=("127.0.0.1", "::1"))
LIFE = timedelta(days=30)


def test_a_server_is_vouched_for_by_its_authority_for_its_names_and_its_life() -> None:
    authority = issue_authority("ca", now=NOW, life=2 * LIFE)
    server = issue_server(authority, NAMES, now=NOW, life=LIFE)

    server.certificate.verify_directly_issued_by(authority.certificate)
    assert ends_at(server.certificate_pem) == NOW + LIFE
    assert serves(server.certificate_pem, server.key_pem, NAMES)


def test_an_authority_may_sign_servers_and_nothing_above_them() -> None:
    found = issue_authority("ca", now=NOW, life=LIFE).certificate.extensions
    constraints = found.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)


def test_another_name_or_another_key_is_not_served() -> None:
    authority = issue_authority("ca", now=NOW, life=LIFE)
    server = issue_server(authority, NAMES, now=NOW, life=LIFE)
    other = issue_server(authority, NAMES, now=NOW, life=LIFE)
    more = ServerNames(common_name="a", dns=("a.b.svc", "c.d.svc"))

    assert not serves(server.certificate_pem, server.key_pem, more)
    assert not serves(server.certificate_pem, other.key_pem, NAMES)
    assert not serves(server.certificate_pem, b"no key", NAMES)
    assert not serves(b"no certificate", server.key_pem, NAMES)


def test_what_is_no_certificate_has_no_end() -> None:
    assert ends_at(b"nothing") is None
