"""The certificate authority: made once, kept private, renewed in time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from kaito.local.apiserver.pki import ensure_pki

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def load(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_the_server_is_known_by_every_name_of_loopback(tmp_path: Path) -> None:
    pki = ensure_pki(tmp_path, NOW)
    names = load(pki.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert {"localhost", "kubernetes.default.svc"} <= set(
        names.value.get_values_for_type(x509.DNSName)
    )
    addresses = {str(a) for a in names.value.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", "::1"}
    load(pki.certificate).verify_directly_issued_by(load(pki.ca))


def test_keys_are_private(tmp_path: Path) -> None:
    ensure_pki(tmp_path / "pki", NOW)
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "pki").iterdir()} == {0o600}


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    pki = ensure_pki(tmp_path, NOW)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert ensure_pki(tmp_path, NOW + timedelta(days=200)) == pki
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_certificate_near_its_end_is_renewed_under_the_same_authority(tmp_path: Path) -> None:
    pki = ensure_pki(tmp_path, NOW)
    ca, old = pki.ca.read_bytes(), load(pki.certificate)
    later = NOW + timedelta(days=340)
    ensure_pki(tmp_path, later)
    assert pki.ca.read_bytes() == ca
    assert load(pki.certificate).not_valid_after_utc > old.not_valid_after_utc
    load(pki.certificate).verify_directly_issued_by(load(pki.ca))


def test_damaged_files_are_made_anew(tmp_path: Path) -> None:
    pki = ensure_pki(tmp_path, NOW)
    pki.ca.write_text("nonsense")
    ensure_pki(tmp_path, NOW)
    load(pki.certificate).verify_directly_issued_by(load(pki.ca))
