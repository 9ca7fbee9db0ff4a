"""Providers that speak OpenID Connect; `docs/OPENID.md` adds a further one."""

import asyncio
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import jwt
from pydantic import BaseModel, HttpUrl, ValidationError

from app.core.auth_providers.provider import (
    Authorization,
    ExternalIdentity,
    ProviderFailed,
    Transport,
)
from app.core.config.oauth import ProviderSettings

T = TypeVar("T")

SCOPE = "openid email profile"
ALGORITHMS = ["RS256", "ES256"]
# What OpenID Connect Core 1.0 allows (2).
SUBJECT = re.compile(r"[\x20-\x7e]{1,255}")
CLAIMS = ["iss", "sub", "aud", "exp", "iat", "nonce"]
# Seconds: for which what a provider says of itself is kept, between two looks for a new key, and
# by which clocks may differ.
KEPT = 3600.0
BETWEEN_LOOKS = 60.0
SKEW = 30


class Metadata(BaseModel):
    """What a provider says of itself (OpenID Connect Discovery 1.0, 3), as far as it matters."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class Kept(Generic[T]):
    """Something that is fetched once for many, and anew when it is old."""

    def __init__(self, fetch: Callable[[], Awaitable[T]]) -> None:
        self._fetch = fetch
        self._lock = asyncio.Lock()
        self._fetched: tuple[float, T] | None = None

    async def get(self, *, younger_than: float = KEPT) -> T:
        """Return what is at most so many seconds old."""
        async with self._lock:
            now = time.monotonic()
            if self._fetched is None or now - self._fetched[0] >= younger_than:
                self._fetched = now, await self._fetch()
            return self._fetched[1]


class OpenIdProvider:
    """Signs in by an id token, which has to be whole and meant for this sign-in."""

    def __init__(self, settings: ProviderSettings, issuer: HttpUrl, transport: Transport) -> None:
        self.settings = settings
        self.issuer = str(issuer).rstrip("/")
        self.transport = transport
        self._metadata = Kept(self._fetch_metadata)
        self._keys = Kept(self._fetch_keys)

    async def authorization_url(self, authorization: Authorization) -> str:
        metadata = await self._metadata.get()
        query = authorization.query(self.settings.client_id, SCOPE)
        query["nonce"] = authorization.nonce
        joint = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
        return f"{metadata.authorization_endpoint}{joint}{urlencode(query)}"

    async def identify(
        self, code: str, authorization: Authorization, *, issuer: str | None
    ) -> ExternalIdentity:
        metadata = await self._metadata.get()
        if issuer is not None and issuer != metadata.issuer:
            raise ProviderFailed("the answer is of another issuer")
        secret = self.settings.client_secret.get_secret_value()
        form = authorization.form(code, self.settings.client_id, secret)
        tokens = await self.transport.exchange(metadata.token_endpoint, form)
        claims = await self._verify(tokens.get("id_token"), metadata.issuer)
        if not hmac.compare_digest(str(claims["nonce"]).encode(), authorization.nonce.encode()):
            raise ProviderFailed("the id token is of another sign-in")
        if not SUBJECT.fullmatch(claims["sub"]):
            raise ProviderFailed("the id token has a subject that can't be one")
        verified = claims.get("email_verified")
        return ExternalIdentity(
            subject=claims["sub"],
            email=_text(claims.get("email")),
            email_verified=verified is True or verified == "true",
            name=_text(claims.get("name")),
        )

    async def _verify(self, token: object, issuer: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(str(token))
            claims: dict[str, Any] = jwt.decode(
                str(token),
                await self._find_key(header.get("kid")),
                algorithms=ALGORITHMS,
                audience=self.settings.client_id,
                issuer=issuer,
                leeway=SKEW,
                options={"require": CLAIMS},
            )
        except jwt.PyJWTError as error:
            raise ProviderFailed(f"the id token: {type(error).__name__}") from error
        if claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise ProviderFailed("the id token was issued to somebody else")
        return claims

    async def _find_key(self, kid: str | None) -> jwt.PyJWK:
        for age in (KEPT, BETWEEN_LOOKS):
            keys = await self._keys.get(younger_than=age)
            fitting = [key for key in keys.keys if kid in {None, key.key_id}]
            if len(fitting) == 1:
                return fitting[0]
        raise ProviderFailed("the id token is signed with a key that nobody knows")

    async def _fetch_metadata(self) -> Metadata:
        found = await self.transport.get(f"{self.issuer}/.well-known/openid-configuration")
        try:
            metadata = Metadata.model_validate(found)
        except ValidationError:
            raise ProviderFailed("the discovery document lacks what it must have") from None
        if metadata.issuer.rstrip("/") != self.issuer:
            raise ProviderFailed("the discovery document is of another issuer")
        scheme = urlsplit(self.issuer).scheme
        endpoints = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri)
        if any(urlsplit(endpoint).scheme not in {scheme, "https"} for endpoint in endpoints):
            raise ProviderFailed("the discovery document leads to where everybody can listen")
        return metadata

    async def _fetch_keys(self) -> jwt.PyJWKSet:
        metadata = await self._metadata.get()
        found = await self.transport.get(metadata.jwks_uri)
        try:
            return jwt.PyJWKSet.from_json(json.dumps(found))
        except (jwt.PyJWTError, AttributeError, TypeError, ValueError) as error:
            raise ProviderFailed(f"the keys: {type(error).__name__}") from error


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
