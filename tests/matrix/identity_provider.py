"""A real OpenID provider on this machine, which vouches for whoever names a subject."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.matrix.environment import Environment
from tests.matrix.servers import background, free_ports

SUBJECT = "110169484474386276334"
PERSON = {"email": "ada@example.com", "email_verified": True, "name": "Ada Lovelace"}


@contextmanager
def identity_provider(environment: Environment, folder: Path) -> Iterator[str]:
    """Run the provider until the block ends; return its issuer."""
    [port] = free_ports(1)
    issuer = f"http://127.0.0.1:{port}"
    command = ("-W", "ignore", "-m", "oidc_provider_mock", f"--port={port}", "--require-nonce=true")

    def vouches() -> bool:
        try:
            answer = httpx2.put(f"{issuer}/users/{SUBJECT}", json=PERSON)
        except httpx2.TransportError:
            return False
        return answer.is_success

    with background(folder, environment, command, folder / "provider.log", ready=vouches):
        yield issuer


def consent(url: str) -> str:
    """Sign in where an authorization request leads; return where the provider sends one back to."""
    answer = httpx2.post(url, data={"sub": SUBJECT})
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]
