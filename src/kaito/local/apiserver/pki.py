"""The plane's own certificate authority, and the certificate its API server shows.

Made once and kept in the state folder with mode 0600. The server's certificate is made anew when it
nears its end; the authority lives longer, because clients hold on to it.
"""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kaito.base.certificates import Issued, ServerNames, ends_at, issue_authority, issue_server

_CA_LIFE = timedelta(days=3650)
_SERVER_LIFE = timedelta(days=365)
_RENEW_BEFORE = timedelta(days=60)
_NAMES = ServerNames(
    common_name="kaito-apiserver",
    dns=("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"),
    addresses=("127.0.0.1", "::1"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PkiFiles:
    """Where the authority's certificate and the server's certificate and key lie."""

    ca: Path
    certificate: Path
    key: Path


def ensure_pki(folder: Path, now: datetime) -> PkiFiles:
    """The files, made or renewed where that is due."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = PkiFiles(
        ca=folder / "ca.crt", certificate=folder / "server.crt", key=folder / "server.key"
    )
    ca_key_file = folder / "ca.key"
    if not (ca_key_file.exists() and _is_fresh(found.ca, now)):
        authority = issue_authority("kaito-ca", now=now, life=_CA_LIFE)
        _write(ca_key_file, authority.key_pem)
        _write(found.ca, authority.certificate_pem)
        found.certificate.unlink(missing_ok=True)
    if not (found.key.exists() and _is_fresh(found.certificate, now)):
        authority = _load_authority(found.ca, ca_key_file)
        server = issue_server(authority, _NAMES, now=now, life=_SERVER_LIFE)
        _write(found.key, server.key_pem)
        _write(found.certificate, server.certificate_pem)
    return found


def _is_fresh(file: Path, now: datetime) -> bool:
    try:
        ends = ends_at(file.read_bytes())
    except OSError:
        return False
    return ends is not None and ends - now > _RENEW_BEFORE


def _load_authority(certificate: Path, key: Path) -> Issued:
    loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey), "only such keys are written here"
    return Issued(x509.load_pem_x509_certificate(certificate.read_bytes()), loaded)


def _write(file: Path, data: bytes) -> None:
    # Written aside and renamed: a crash leaves the old file or the new one, never half of one.
    partial = file.with_name(f".{file.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    partial.rename(file)
