"""Keys that everybody may see verify tokens, and sign none."""

from collections.abc import Iterator
from secrets import token_hex

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from httpx2 import Client

from tests.attacks.carriers import API, TokenCarrier, bearer
from tests.attacks.deployment import Deployment, Target, deployed
from tests.attacks.forgery import Token, decode, encode
from tests.attacks.people import People, refusal

ME = f"{API}/users/me"
INVALID = (401, "token_invalid")


@pytest.fixture(scope="module")
def published(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Return a deployment whose keys are public, but for the halves that sign."""
    changes = {"JWT_ALGORITHM": "EdDSA", "JWT_KEYS": f"main:{token_hex(32)},former:{token_hex(32)}"}
    with deployed(target, tmp_path_factory.mktemp("published"), changes) as deployment:
        yield deployment


@pytest.fixture
def genuine(published: Deployment, carrier: TokenCarrier) -> Token:
    account = People(published, carrier).register()
    answer = carrier.log_in(published.here, account.email, account.password)
    return Token.parse(carrier.credentials(answer).access_token, "")


def test_published_keys_are_only_halves(published: Deployment, here: Client) -> None:
    keys = published.here.get(f"{API}/auth/jwks.json").json()["keys"]
    assert sorted(key["kid"] for key in keys) == ["former", "main"]
    for key in keys:
        assert key.keys() == {"kty", "crv", "x", "use", "alg", "kid"}
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(published.keys[key["kid"]]))
        assert private.public_key().public_bytes_raw() == decode(key["x"])
    assert here.get(f"{API}/auth/jwks.json").json() == {"keys": []}


def test_a_published_key_is_no_secret(published: Deployment, genuine: Token) -> None:
    answer = published.there.get(f"{API}/auth/jwks.json")
    [jwk] = [key for key in answer.json()["keys"] if key["kid"] == "main"]
    public = Ed25519PublicKey.from_public_bytes(decode(jwk["x"]))
    der = PublicFormat.SubjectPublicKeyInfo
    for secret in (
        decode(jwk["x"]),
        jwk["x"].encode(),
        decode(jwk["x"]).hex().encode(),
        public.public_bytes(Encoding.PEM, der),
        public.public_bytes(Encoding.PEM, der).strip(),
        public.public_bytes(Encoding.DER, der),
        public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        answer.content,
    ):
        for algorithm in ("HS256", "HS512", "EdDSA"):
            forged = genuine.with_header(alg=algorithm).with_key(secret).signed()
            assert refusal(published.here.get(ME, headers=bearer(forged))) == INVALID
    assert published.there.get(ME, headers=bearer(genuine.unchanged_signature())).status_code == 200


def test_a_key_of_the_attackers_own_is_none_of_the_ring(
    published: Deployment, genuine: Token
) -> None:
    own = Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encode(own.public_key().public_bytes_raw())}
    rings = [Ed25519PrivateKey.from_private_bytes(bytes.fromhex(published.keys["main"])), own]
    for key in rings:
        for token in (genuine, genuine.with_header(jwk=jwk), genuine.with_header(kid="former")):
            signed = f"{token.signed_part}.{encode(key.sign(token.signed_part.encode()))}"
            answer = published.here.get(ME, headers=bearer(signed))
            accepted = key is rings[0] and token.header["kid"] == "main"
            assert answer.status_code == (200 if accepted else 401)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "ES256", "Ed448", "EdDSA"])
def test_no_algorithm_does_without_the_key(
    algorithm: str, published: Deployment, genuine: Token
) -> None:
    forged = genuine.with_header(alg=algorithm).signed_part + "."
    for process in published.processes:
        assert refusal(process.get(ME, headers=bearer(forged))) == INVALID
        accepted = process.get(ME, headers=bearer(genuine.unchanged_signature()))
        assert accepted.status_code == 200
