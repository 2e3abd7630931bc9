"""Certificates of our own authorities: ECDSA P-256, for servers that only we vouch for.

Values in, values out; who keeps them, and when they are made anew, is for the caller to decide.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SLACK = timedelta(days=1)
"""How long before now a certificate begins, for clients whose clock is behind."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key as unencrypted PKCS #8 PEM."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerNames:
    """What a server is called, and under which names and addresses it is reached."""

    common_name: str
    dns: tuple[str, ...]
    addresses: tuple[str, ...] = ()


def issue_authority(name: str, *, now: datetime, life: timedelta) -> Issued:
    """An authority that may sign servers' certificates and no further authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(name), _name(name), now, life).public_key(key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs=True), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(identifier, critical=False)
    return Issued(builder.sign(key, hashes.SHA256()), key)


def issue_server(
    authority: Issued, names: ServerNames, *, now: datetime, life: timedelta
) -> Issued:
    """A certificate with which a server is believed under `names`."""
    key = ec.generate_private_key(ec.SECP256R1())
    reached = x509.SubjectAlternativeName(
        [
            *(x509.DNSName(name) for name in names.dns),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in names.addresses),
        ]
    )
    subject, issuer = _name(names.common_name), authority.certificate.subject
    builder = _builder(subject, issuer, now, life).public_key(key.public_key())
    builder = builder.add_extension(reached, critical=False)
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    builder = builder.add_extension(constraints, critical=True)
    builder = builder.add_extension(_key_usage(signs=False), critical=True)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = builder.add_extension(usage, critical=False)
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(signer, critical=False)
    return Issued(builder.sign(authority.key, hashes.SHA256()), key)


def ends_at(pem: bytes) -> datetime | None:
    """When the first certificate of a PEM text ends; None where there is no readable one."""
    try:
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc
    except ValueError:
        return None


def serves(certificate: bytes, key: bytes, names: ServerNames) -> bool:
    """Whether a server with this certificate and key is believed under every one of the names."""
    try:
        loaded = x509.load_pem_x509_certificate(certificate)
        private = serialization.load_pem_private_key(key, password=None)
        found = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return False
    known = set(found.get_values_for_type(x509.DNSName))
    known |= {str(address) for address in found.get_values_for_type(x509.IPAddress)}
    return private.public_key() == loaded.public_key() and known >= {*names.dns, *names.addresses}


def _builder(
    subject: x509.Name, issuer: x509.Name, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + life)
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
