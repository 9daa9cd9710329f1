"""Certificates for one cluster: an authority that signs one certificate and is then forgotten.

Source: RFC 5280, section 4.2 (Python 3.13 checks it strictly).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bindery.core import write_file

if TYPE_CHECKING:
    from pathlib import Path

VALID = dt.timedelta(days=7)
CLOCK_SKEW = dt.timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificates:
    """Where the authority's certificate, and the one certificate that it signed with its key, are."""

    authority: Path
    certificate: Path
    key: Path

    def environ(self, *roles: str) -> dict[str, str]:
        """Return Dask's variables for the roles ``SCHEDULER``, ``WORKER`` and ``CLIENT``."""
        variables = {"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(self.authority)}
        for role in roles:
            variables[f"DASK_DISTRIBUTED__COMM__TLS__{role}__CERT"] = str(self.certificate)
            variables[f"DASK_DISTRIBUTED__COMM__TLS__{role}__KEY"] = str(self.key)
        return variables


def make_certificates(folder: Path, now: dt.datetime) -> Certificates:
    """Write new certificates into the folder; nobody else can read them, and after a week nobody can use them.

    Raises:
        ToolFailed: the disk is full or cannot be written.

    """
    folder.mkdir(mode=0o700, parents=True)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bindery's authority for one cluster")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a process of one cluster")])
    authority = (
        _builder(issuer, issuer, authority_key.public_key(), authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    roles = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = (
        _builder(subject, issuer, key.public_key(), authority_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(roles, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made = Certificates(
        authority=folder / "authority.pem", certificate=folder / "certificate.pem", key=folder / "key.pem"
    )
    write_file(made.authority, authority.public_bytes(serialization.Encoding.PEM), 0o600)
    write_file(made.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o600)
    write_file(made.key, secret, 0o600)
    return made


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    now: dt.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
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
