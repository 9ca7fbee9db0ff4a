"""Sessions in cookies, as a client keeps them that can also lie."""

from dataclasses import dataclass, field, replace
from typing import Self

from httpx2 import Client, Response

from tests.attacks.carriers import API, Credentials, Door

COOKIE = "__Host-my-api"
CSRF_COOKIE = f"{COOKIE}-csrf"
DEVICE_COOKIE = f"{COOKIE}-device"
CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True)
class SetCookie:
    """A cookie that an answer sets, with its attributes; their names are in small letters."""

    name: str
    value: str = field(repr=False)
    attributes: dict[str, str]

    @classmethod
    def parse(cls, header: str) -> Self:
        (name, value), *attributes = (
            part.strip().partition("=")[::2] for part in header.split(";")
        )
        return cls(name, value, {key.lower(): text for key, text in attributes})


def cookies_of(answer: Response) -> dict[str, SetCookie]:
    """Return the cookies that an answer sets, by name; each is set once."""
    found = [SetCookie.parse(header) for header in answer.headers.get_list("Set-Cookie")]
    cookies = {cookie.name: cookie for cookie in found}
    assert len(cookies) == len(found)
    return cookies


def browser_headers(cookies: dict[str, str], csrf_header: str | None = None) -> dict[str, str]:
    """Return what a browser sends that has these cookies, and a script that sends the header."""
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    headers = {"Cookie": sent} if sent else {}
    return headers if csrf_header is None else {**headers, CSRF_HEADER: csrf_header}


@dataclass(frozen=True)
class CookieCredentials(Credentials):
    session_token: str = field(repr=False)
    csrf_token: str = field(repr=False)

    @classmethod
    def of(cls, session_token: str, csrf_token: str, device: str | None = None) -> Self:
        cookies = {COOKIE: session_token, CSRF_COOKIE: csrf_token}
        if device:
            cookies[DEVICE_COOKIE] = device
        headers = browser_headers(cookies, csrf_token)
        return cls(headers, device, session_token=session_token, csrf_token=csrf_token)


class CookieCarrier:
    """A session id in one cookie, and a CSRF token both in another one and in a header."""

    def anonymous(self, client: Client) -> CookieCredentials:
        """Return what a browser has that comes for the first time."""
        cookies = cookies_of(client.get(f"{API}/auth/csrf"))
        return CookieCredentials.of(cookies[COOKIE].value, cookies[CSRF_COOKIE].value)

    def nobody(self, client: Client) -> dict[str, str]:
        return self.anonymous(client).headers

    def log_in(
        self, client: Client, name: str, password: str, *, device: str | None = None
    ) -> Response:
        return self.log_in_as(self.anonymous(client), client, name, password, device=device)

    def log_in_as(
        self,
        before: CookieCredentials,
        client: Client,
        name: str,
        password: str,
        *,
        device: str | None = None,
    ) -> Response:
        """Try to sign in with the cookies of somebody who may be signed in already."""
        sent = CookieCredentials.of(before.session_token, before.csrf_token, device)
        body = {"username": name, "password": password}
        return client.post(f"{API}/auth/login", json=body, headers=sent.headers)

    def doors(self) -> tuple[Door, ...]:
        return (self.log_in,)

    def credentials(self, answer: Response) -> CookieCredentials:
        assert answer.status_code == 200, answer.text
        cookies = {name: cookie.value for name, cookie in cookies_of(answer).items()}
        assert answer.json()["csrf_token"] == cookies[CSRF_COOKIE]
        return CookieCredentials.of(
            cookies[COOKIE], cookies[CSRF_COOKIE], cookies.get(DEVICE_COOKIE)
        )

    def renewed(self, credentials: Credentials, answer: Response) -> CookieCredentials:
        cookies = cookies_of(answer)
        assert {COOKIE, CSRF_COOKIE} <= cookies.keys(), answer.text
        fresh = CookieCredentials.of(cookies[COOKIE].value, cookies[CSRF_COOKIE].value)
        return replace(fresh, device=credentials.device)

    def secrets(self, credentials: Credentials) -> list[str]:
        assert isinstance(credentials, CookieCredentials)
        device = [credentials.device] if credentials.device else []
        return [credentials.session_token, credentials.csrf_token, *device]

    def is_over(self, client: Client, credentials: Credentials) -> bool:
        answer = client.get(f"{API}/users/me", headers=credentials.headers)
        return answer.status_code == 401 and answer.json()["code"] == "session_expired"
