"""Access tokens that nobody issued: each differs in one thing from one that is accepted."""

import hmac
import secrets
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.attacks.forgery import Token, encode

Forge = Callable[[Token], str]

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OWN_SECRET = secrets.token_bytes(32)
OWN_JWK = {"kty": "oct", "alg": "HS256", "k": encode(OWN_SECRET)}

REQUIRED = ("iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "typ")
SOMEBODY = "0197e7a0-0000-7000-8000-000000000000"


def _sign_raw(token: Token, claims: bytes) -> str:
    """Sign what no JWT library would: claims that are no object."""
    signed_part = f"{encode(token.header)}.{encode(claims)}"
    signature = hmac.digest(token.key, signed_part.encode(), "sha256")
    return f"{signed_part}.{encode(signature)}"


def _without(claim: str) -> Forge:
    return lambda token: token.without_claim(claim).signed()


ALGORITHMS: dict[str, Forge] = {
    "none": lambda t: t.with_header(alg="none").signed_part + ".",
    "None": lambda t: t.with_header(alg="None").signed_part + ".",
    "nOnE": lambda t: t.with_header(alg="nOnE").signed_part + ".",
    "none-with-the-old-signature": lambda t: t.with_header(alg="none").unchanged_signature(),
    "none-signed": lambda t: t.with_header(alg="none").signed(),
    "HS384": lambda t: t.with_header(alg="HS384").signed(),
    "HS512": lambda t: t.with_header(alg="HS512").signed(),
    "RS256-by-hmac": lambda t: t.with_header(alg="RS256").signed(),
    "ES256-by-hmac": lambda t: t.with_header(alg="ES256").signed(),
    "EdDSA-by-hmac": lambda t: t.with_header(alg="EdDSA").signed(),
    "RS256": lambda t: t.with_header(alg="RS256").signed_with(RSA_KEY),
    "ES256": lambda t: t.with_header(alg="ES256").signed_with(EC_KEY),
    "missing": lambda t: t.without_header("alg").signed(),
    "empty": lambda t: t.with_header(alg="").signed(),
    "null": lambda t: t.with_header(alg=None).signed(),
    "list": lambda t: t.with_header(alg=["HS256"]).signed(),
}
SIGNATURES: dict[str, Forge] = {
    "empty": lambda t: t.signed_part + ".",
    "missing": lambda t: t.signed_part,
    "short": lambda t: t.unchanged_signature()[:-8],
    "reversed": lambda t: f"{t.signed_part}.{t.signature[::-1]}",
    "empty-key": lambda t: t.with_key(b"").signed(),
    "kid-as-key": lambda t: t.with_key(b"main").signed(),
    "another-deployment": lambda t: t.with_key(OWN_SECRET).signed(),
    "payload-changed": lambda t: t.with_claims(sub=SOMEBODY).unchanged_signature(),
    "lifetime-changed": lambda t: t.with_claims(exp=t.claims["exp"] + 3600).unchanged_signature(),
    "header-changed": lambda t: t.with_header(cty="JWT").unchanged_signature(),
}
KEYS: dict[str, Forge] = {
    "unknown": lambda t: t.with_header(kid="another").signed(),
    "missing": lambda t: t.without_header("kid").signed(),
    "empty": lambda t: t.with_header(kid="").signed(),
    "null": lambda t: t.with_header(kid=None).signed(),
    "number": lambda t: t.with_header(kid=0).signed(),
    "list": lambda t: t.with_header(kid=["main"]).signed(),
    "object": lambda t: t.with_header(kid={"main": "main"}).signed(),
    "other-case": lambda t: t.with_header(kid="MAIN").signed(),
    "blank-around": lambda t: t.with_header(kid=" main ").signed(),
    "another-of-the-ring": lambda t: t.with_header(kid="former").signed(),
    "path": lambda t: t.with_header(kid="../../../../../../dev/null").with_key(b"").signed(),
    "path-zero": lambda t: t.with_header(kid="/dev/zero").with_key(bytes(32)).signed(),
    "sql": lambda t: t.with_header(kid="x' UNION SELECT 'k' --").with_key(b"k").signed(),
    "attribute": lambda t: t.with_header(kid="__class__").with_key(b"").signed(),
}
HEADERS: dict[str, Forge] = {
    "jwk-symmetric": lambda t: t.with_header(jwk=OWN_JWK).with_key(OWN_SECRET).signed(),
    "jwk-without-kid": lambda t: (
        t.without_header("kid").with_header(jwk=OWN_JWK).with_key(OWN_SECRET).signed()
    ),
    "jwk-public": lambda t: t.with_header(alg="RS256", jwk={"kty": "RSA", "e": "AQAB"}).signed_with(
        RSA_KEY
    ),
    "x5c": lambda t: t.with_header(alg="RS256", x5c=["MIIB"]).signed_with(RSA_KEY),
    "crit": lambda t: t.with_header(crit=["mystery"], mystery=True).signed(),
    "encrypted": lambda t: f"{t.signed_part}.{t.signature}.{t.signature}.{t.signature}",
}
CLAIMS: dict[str, Forge] = {
    **{f"{name}-missing": _without(name) for name in REQUIRED},
    "iss-wrong": lambda t: t.with_claims(iss="https://issuer.example.com").signed(),
    "iss-longer": lambda t: t.with_claims(iss=t.claims["iss"] + "-2").signed(),
    "aud-wrong": lambda t: t.with_claims(aud="another-service").signed(),
    "aud-empty": lambda t: t.with_claims(aud=[]).signed(),
    "aud-null": lambda t: t.with_claims(aud=None).signed(),
    "typ-refresh": lambda t: t.with_claims(typ="refresh").signed(),
    "typ-reset": lambda t: t.with_claims(typ="reset").signed(),
    "typ-other-case": lambda t: t.with_claims(typ="Access").signed(),
    "typ-list": lambda t: t.with_claims(typ=["access"]).signed(),
    "typ-null": lambda t: t.with_claims(typ=None).signed(),
    "sub-unknown": lambda t: t.with_claims(sub=SOMEBODY).signed(),
    "sub-name": lambda t: t.with_claims(sub="admin").signed(),
    "sub-null": lambda t: t.with_claims(sub=None).signed(),
    "sub-list": lambda t: t.with_claims(sub=[t.claims["sub"]]).signed(),
    "sid-unknown": lambda t: t.with_claims(sid=SOMEBODY).signed(),
    "sid-sql": lambda t: t.with_claims(sid="' OR true --").signed(),
    "sid-null": lambda t: t.with_claims(sid=None).signed(),
    "sid-number": lambda t: t.with_claims(sid=1).signed(),
    "nbf-to-come": lambda t: t.with_claims(nbf=t.claims["nbf"] + 3600).signed(),
    "iat-to-come": lambda t: t.with_claims(iat=t.claims["iat"] + 3600).signed(),
    "exp-text": lambda t: t.with_claims(exp="never").signed(),
    "exp-null": lambda t: t.with_claims(exp=None).signed(),
}
MALFORMED: dict[str, Forge] = {
    "one-part": lambda _: "token",
    "dots": lambda _: "..",
    "no-base64": lambda _: "%.%.%",
    "no-json": lambda t: f"{encode(b'token')}.{encode(t.claims)}.{t.signature}",
    "header-is-a-list": lambda t: f"{encode(b'[]')}.{encode(t.claims)}.{t.signature}",
    "header-is-null": lambda t: f"{encode(b'null')}.{encode(t.claims)}.{t.signature}",
    "header-is-not-utf-8": lambda t: f"{encode(bytes([255]))}.{encode(t.claims)}.{t.signature}",
    "header-nested": lambda t: f"{encode(b'[' * 20_000)}.{encode(t.claims)}.{t.signature}",
    "kid-nested": lambda t: (
        encode(b'{"alg":"HS256","kid":' + b'{"a":' * 9000 + b"1" + b"}" * 9001)
        + f".{encode(t.claims)}.{t.signature}"
    ),
    "kid-long": lambda t: (
        encode(b'{"alg":"HS256","kid":' + b"9" * 9000 + b"}") + f".{encode(t.claims)}.{t.signature}"
    ),
    "long": lambda t: t.signed_part + "." + "A" * 30_000,
    "claims-are-a-list": lambda t: _sign_raw(t, b"[]"),
    "claims-are-nested": lambda t: _sign_raw(t, b"[" * 20_000),
}
FORGERIES = {
    f"{group}-{name}": forge
    for group, forges in {
        "alg": ALGORITHMS,
        "signature": SIGNATURES,
        "kid": KEYS,
        "header": HEADERS,
        "claim": CLAIMS,
        "malformed": MALFORMED,
    }.items()
    for name, forge in forges.items()
}
