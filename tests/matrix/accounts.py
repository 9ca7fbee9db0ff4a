"""People who try a running render, and what they send."""

import httpx2

ADA = {"email": "ada@example.com", "password": "correct horse battery"}
GRACE = {"email": "grace@example.com", "password": "another long phrase"}


def credentials_of(person: dict[str, str]) -> dict[str, str]:
    return {"username": person["email"], "password": person["password"]}


def csrf(client: httpx2.Client) -> dict[str, str]:
    """Return the header without which nothing is changed where sessions are in cookies."""
    return {"X-CSRF-Token": client.get("/api/v1/auth/csrf").json()["csrf_token"]}
