"""What a client carries to prove who it is: the one difference between kinds of sign-in."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Protocol

from httpx2 import Client, Response

API = "/api/v1"


@dataclass(frozen=True)
class Credentials:
    """What proves a sign-in, on any process."""

    headers: dict[str, str] = field(repr=False)
    device: str | None = field(repr=False)
    """What makes the next sign-in one from a known device."""


class Door(Protocol):
    def __call__(
        self, client: Client, name: str, password: str, *, device: str | None = None
    ) -> Response:
        """Try a password; the answer may be a refusal."""


class Carrier(Protocol):
    """A kind of sign-in, as its clients see it."""

    def nobody(self, client: Client) -> dict[str, str]:
        """Return what a client without a sign-in has to send with a write."""

    def log_in(
        self, client: Client, name: str, password: str, *, device: str | None = None
    ) -> Response:
        """Try to sign in; the answer may be a refusal."""

    def doors(self) -> tuple[Door, ...]:
        """Return every way to try a password, `log_in` first."""

    def credentials(self, answer: Response) -> Credentials:
        """Return what the answer to a successful sign-in gives to its client."""

    def renewed(self, credentials: Credentials, answer: Response) -> Credentials:
        """Return what the client has after an answer that may have given it new credentials."""

    def secrets(self, credentials: Credentials) -> list[str]:
        """Return what must be stored and logged nowhere."""

    def is_over(self, client: Client, credentials: Credentials) -> bool:
        """Tell whether nothing that the client was given is worth anything any more."""


@dataclass(frozen=True)
class TokenCredentials(Credentials):
    session_id: str
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class TokenCarrier:
    """An access token in a header, and a refresh token that is spent at each use."""

    def nobody(self, client: Client) -> dict[str, str]:  # noqa: ARG002
        return {}

    def log_in(
        self, client: Client, name: str, password: str, *, device: str | None = None
    ) -> Response:
        body = {"username": name, "password": password}
        return client.post(f"{API}/auth/login", json=body | _device(device))

    def doors(self) -> tuple[Door, ...]:
        return self.log_in, self.log_in_by_form

    def log_in_by_form(
        self, client: Client, name: str, password: str, *, device: str | None = None
    ) -> Response:
        form = {"grant_type": "password", "username": name, "password": password}
        return client.post(f"{API}/auth/token", data=form | _device(device))

    def renewed(self, credentials: Credentials, answer: Response) -> Credentials:  # noqa: ARG002
        return credentials

    def secrets(self, credentials: Credentials) -> list[str]:
        assert isinstance(credentials, TokenCredentials)
        access, refresh = credentials.access_token, credentials.refresh_token
        device = [credentials.device] if credentials.device else []
        return [access, access.split(".")[2], refresh, refresh.split(".")[2], *device]

    def is_over(self, client: Client, credentials: Credentials) -> bool:
        assert isinstance(credentials, TokenCredentials)
        answers = (
            client.get(f"{API}/users/me", headers=credentials.headers),
            self.refresh(client, credentials.refresh_token),
        )
        return [answer.status_code for answer in answers] == [401, 401]

    def refresh(self, client: Client, refresh_token: str) -> Response:
        return client.post(f"{API}/auth/refresh", json={"refresh_token": refresh_token})

    def credentials(self, answer: Response) -> TokenCredentials:
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return TokenCredentials(
            headers=bearer(body["access_token"]),
            session_id=claims_of(body["access_token"])["sid"],
            device=body.get("device_token"),
            access_token=body["access_token"],
            refresh_token=body["refresh_token"],
        )


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims of a token without verifying them."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * 3))
    return claims


def _device(device: str | None) -> dict[str, str]:
    return {} if device is None else {"device_token": device}
