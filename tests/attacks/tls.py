"""A certificate for one run, without which browsers refuse the cookies that are attacked."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

# Served by the project's own command, which leaves TLS to a proxy.
BEHIND_TLS = """
import os
from functools import partial
import uvicorn
from app.cli import main
files = {"ssl_keyfile": os.environ["TLS_KEY"], "ssl_certfile": os.environ["TLS_CERTIFICATE"]}
uvicorn.run = partial(uvicorn.run, **files)
main()
"""


@dataclass(frozen=True)
class Certificate:
    """A certificate for this machine, signed by itself."""

    key: Path
    certificate: Path

    @classmethod
    def make(cls, folder: Path) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        files = cls(folder / "tls.key", folder / "tls.pem")
        files.key.touch(mode=0o600)
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        return files

    @property
    def variables(self) -> dict[str, str]:
        return {"TLS_KEY": str(self.key), "TLS_CERTIFICATE": str(self.certificate)}

    def trust(self) -> ssl.SSLContext:
        """Return what a client trusts that knows this certificate and no other."""
        return ssl.create_default_context(cafile=self.certificate)
