"""Limits that a test can reach, and whoever meets them."""

from collections.abc import Callable

from httpx2 import Client

from tests.attacks.carriers import API
from tests.attacks.deployment import Deployment
from tests.attacks.people import refusal

READS, WRITES, SIGN_INS, TRIES = 50, 20, 12, 4
PROXY = "127.200.0.1"
LIMITED = (429, "rate_limited")
STRANGER = (401, "not_authenticated")
WRONG = (401, "invalid_credentials")

Place = Callable[[], Deployment]


def settings() -> dict[str, str]:
    """Return the settings of a deployment behind a proxy, whose limits no clock resets."""
    limits = {"DEFAULT": READS, "WRITES": WRITES, "AUTH": SIGN_INS, "ACCOUNT": TRIES}
    return {
        **{f"RATE_LIMIT_{name}": f"{limit}/hour" for name, limit in limits.items()},
        "APP_TRUSTED_PROXIES": PROXY,
        # Those who guess here are many; what slows each down is attacked elsewhere.
        "LOCKOUT_THRESHOLD": "1000",
    }


def call(client: Client, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Read what nobody may who isn't signed in; it counts all the same."""
    return refusal(client.get(f"{API}/users/me", headers=headers))
