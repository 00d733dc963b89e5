"""A city's own certificate authority, and TLS contexts for servers it vouches for, or does not."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM
_PKCS8 = serialization.PrivateFormat.PKCS8
_CLEAR = serialization.NoEncryption()


@dataclass(frozen=True)
class Authority:
    """One authority; `file` is what clients are told to trust."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls, folder: Path, name: str = "Test City CA") -> Authority:
        """A new one."""
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        subject, now = _named(name), datetime.now(UTC)
        built = (
            _begun(subject, subject, key, now - timedelta(days=1), now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        made = cls(folder, key, built)
        made.file.write_bytes(built.public_bytes(_PEM))
        return made

    @property
    def file(self) -> Path:
        """Its certificate, PEM."""
        return self.folder / "ca.pem"

    def context(self, host: str, *, days: tuple[int, int] = (-1, 1)) -> ssl.SSLContext:
        """For a server called `host` (a name or address), its certificate valid from and to those days from now."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        begin, end = (now + timedelta(days=offset) for offset in days)
        built = (
            _begun(_named(host), self.certificate.subject, key, begin, end)
            .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        chain = self.folder / f"{host}-{days[1]}.pem"
        chain.write_bytes(key.private_bytes(_PEM, _PKCS8, _CLEAR) + built.public_bytes(_PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        return context


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
