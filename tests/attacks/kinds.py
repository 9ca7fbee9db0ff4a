"""The kinds of sign-in that are attacked, and which attacks fit one of them only, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.attacks.carriers import Carrier, TokenCarrier
from tests.attacks.cookies import CookieCarrier
from tests.matrix.questions import Answers

TOKENS, COOKIES = "tokens", "cookies"
ANSWERS: Answers = {
    "preset": "starter",
    "features": ["items", "rate_limit", "cache", "idempotency"],
}


@dataclass(frozen=True)
class Kind:
    """A kind of sign-in; `only` says of a file of attacks why no other kind has its target."""

    carrier: Carrier
    answers: Answers
    only: Mapping[str, str]


KINDS: dict[str, Kind] = {
    TOKENS: Kind(
        TokenCarrier(),
        ANSWERS,
        {
            "test_token_families.py": "A session has no refresh token, so none can be spent twice",
            "test_token_forgery.py": "A session id says nothing and is signed by nobody",
            "test_token_keys.py": "No key verifies a session id, so none is published",
            "test_token_purposes.py": "Session ids travel in cookies, other tokens in bodies",
            "test_token_secrets.py": "There is no pair of tokens to refresh and to reuse",
        },
    ),
    COOKIES: Kind(
        CookieCarrier(),
        {**ANSWERS, "auth": "session"},
        {
            "test_cookie_attributes.py": "Tokens are in bodies; no cookie is set",
            "test_cookie_csrf.py": "No browser sends a bearer token by itself",
            "test_cookie_fixation.py": "Tokens are made at the sign-in; there are none before",
            "test_cookie_lifetimes.py": "Tokens carry when they expire; test_token_families.py",
            "test_cookie_renewal.py": "A pair of tokens is renewed by its refresh token",
            "test_cookie_store.py": "Tokens need no Redis",
        },
    ),
}


def kinds_of(file: str) -> list[str]:
    """Return the kinds that the attacks of a file fit."""
    only = [name for name, kind in KINDS.items() if file in kind.only]
    return only or list(KINDS)
