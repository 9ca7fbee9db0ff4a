"""What every provider of identities has in common, whatever protocol it speaks."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import orjson
from httpx2 import AsyncClient, HTTPError, InvalidURL, Response

LARGEST_ANSWER = 1_000_000


class ProviderFailed(Exception):
    """A provider has answered what it must not."""


class ProviderAway(ProviderFailed):
    """A provider can't be reached, or says itself that it can't answer."""


class CodeRefused(ProviderFailed):
    """A provider doesn't take the code that came back from it: it is used, too old or made up."""


@dataclass(frozen=True, slots=True)
class Authorization:
    """One sign-in at a provider; `verifier` is that of PKCE (RFC 7636), `nonce` that of OpenID."""

    state: str
    verifier: str
    nonce: str
    redirect_uri: str

    def query(self, client_id: str, scope: str) -> dict[str, str]:
        """Return the parameters of the request that people are sent to the provider with."""
        hashed = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": self.redirect_uri,
            "scope": scope,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(hashed).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }

    def form(self, code: str, client_id: str, client_secret: str) -> dict[str, str]:
        """Return the parameters of the request for tokens."""
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": client_id,
            "client_secret": client_secret,
            "code_verifier": self.verifier,
        }


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """Whom a provider vouches for; the subject is what never changes, and nothing else counts."""

    subject: str
    email: str | None
    email_verified: bool
    name: str | None


class Provider(Protocol):
    async def authorization_url(self, authorization: Authorization) -> str:
        """Return where people are sent to; raise `ProviderFailed`."""

    async def identify(
        self, code: str, authorization: Authorization, *, issuer: str | None
    ) -> ExternalIdentity:
        """Exchange a code for who it stands for; raise `ProviderFailed`.

        `issuer` is the one that the answer named, if it did (RFC 9207).
        """


class Transport:
    """HTTP to providers, with errors of ours and an end to what is read of an answer."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> object:
        """Return the JSON that is found there; raise `ProviderFailed` for anything else."""
        return await self._request("GET", url, headers=headers)

    async def exchange(self, url: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Send the request for tokens; raise `CodeRefused`, or `ProviderFailed`.

        Some refuse with status 200, so that the error is looked for in every answer.
        """
        content = urlencode(form).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._request("POST", url, content=content, headers=headers, refusals=True)
        if not isinstance(answer, dict):
            raise ProviderFailed(f"{url} answers with no object")
        match answer.get("error"):
            case None:
                return answer
            case "invalid_grant" | "bad_verification_code":
                raise CodeRefused(str(answer["error"]))
            case error:
                raise ProviderFailed(f"{url} refuses: {str(error)[:100]}")

    async def _request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        refusals: bool = False,
    ) -> object:
        # What is small when it is sent must not grow here.
        plain = {"Accept": "application/json", "Accept-Encoding": "identity"}
        headers = {**plain, **(headers or {})}
        try:
            async with self.client.stream(method, url, headers=headers, content=content) as answer:
                body = await _read(answer)
        except (HTTPError, InvalidURL) as error:
            raise ProviderAway(f"{url}: {type(error).__name__}") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise ProviderAway(f"{url} answers {answer.status_code}")
        if not (answer.is_success or (refusals and answer.status_code in {400, 401})):
            raise ProviderFailed(f"{url} answers {answer.status_code}")
        try:
            found: object = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise ProviderFailed(f"{url} answers with no JSON") from None
        return found


async def _read(answer: Response) -> bytes:
    body = bytearray()
    async for part in answer.aiter_raw():
        body += part
        if len(body) > LARGEST_ANSWER:
            raise ProviderFailed(f"{answer.url} answers with too much")
    return bytes(body)
