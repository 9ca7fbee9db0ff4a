"""Tokens as an attacker writes them: no library that would refuse to."""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def encode(part: bytes | Mapping[str, object]) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@dataclass(frozen=True)
class Token:
    """A token taken apart, and the key that signs what is put together again."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signature: str
    key: bytes = field(repr=False)

    @classmethod
    def parse(cls, token: str, key: str) -> Self:
        header, claims, signature = token.split(".")
        return cls(json.loads(decode(header)), json.loads(decode(claims)), signature, key.encode())

    @property
    def signed_part(self) -> str:
        return f"{encode(self.header)}.{encode(self.claims)}"

    def unchanged_signature(self) -> str:
        """Return the token with the signature that it had before it was changed."""
        return f"{self.signed_part}.{self.signature}"

    def signed(self) -> str:
        """Sign with the secret by the HMAC that the header names, else by HS256."""
        digest = HASHES.get(str(self.header.get("alg")), "sha256")
        signature = hmac.digest(self.key, self.signed_part.encode(), digest)
        return f"{self.signed_part}.{encode(signature)}"

    def signed_with(self, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
        """Sign with a key pair of the attacker's own."""
        message = self.signed_part.encode()
        if isinstance(key, rsa.RSAPrivateKey):
            signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        else:
            numbers = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
            signature = b"".join(number.to_bytes(32, "big") for number in numbers)
        return f"{self.signed_part}.{encode(signature)}"

    def with_header(self, **changes: object) -> Self:
        return replace(self, header={**self.header, **changes})

    def without_header(self, name: str) -> Self:
        return replace(self, header={k: v for k, v in self.header.items() if k != name})

    def with_claims(self, **changes: object) -> Self:
        return replace(self, claims={**self.claims, **changes})

    def without_claim(self, name: str) -> Self:
        return replace(self, claims={k: v for k, v in self.claims.items() if k != name})

    def with_key(self, key: bytes) -> Self:
        return replace(self, key=key)
