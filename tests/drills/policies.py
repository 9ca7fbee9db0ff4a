"""Whether limits hold, asked by those who want more than they may have."""

import secrets
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from httpx2 import Client

from tests.attacks.carriers import API
from tests.drills.redis_site import ACCOUNT, AUTH, DEFAULT
from tests.drills.site import Site, from_address, new_address

ME = f"{API}/users/me"
WORKERS = 8
# By a first address, until that has no more; by a second one, until the account has no more; and by
# a third one, which has had nothing so far.
GUESSES = (AUTH + 2, ACCOUNT - AUTH, 2)
LIMITED = [{401: AUTH, 429: 2}, {401: ACCOUNT - AUTH}, {429: 2}]


def guess(site: Site, clients: Sequence[Client]) -> list[dict[int, int]]:
    """Guess a password at some processes in turn, all at once; count the answers by address."""
    body = {"username": f"{secrets.token_hex(6)}@example.com", "password": "a wrong guess"}
    found = []
    for count in GUESSES:
        headers = from_address(new_address())
        sent = [(client, {**site.carrier.nobody(client), **headers}) for client in clients]

        def attempt(number: int, sent: Sequence[tuple[Client, dict[str, str]]] = sent) -> int:
            client, headers = sent[number % len(sent)]
            return client.post(f"{API}/auth/login", json=body, headers=headers).status_code

        with ThreadPoolExecutor(WORKERS) as pool:
            found.append(dict(Counter(pool.map(attempt, range(count)))))
    return found


def read(clients: Sequence[Client], headers: dict[str, str], count: int) -> dict[int, int]:
    """Read so often at some processes in turn; count the answers."""

    def ask(number: int) -> int:
        return clients[number % len(clients)].get(ME, headers=headers).status_code

    with ThreadPoolExecutor(WORKERS) as pool:
        return dict(Counter(pool.map(ask, range(count))))


def exhaust(site: Site, clients: Sequence[Client]) -> tuple[dict[str, str], dict[int, int]]:
    """Let somebody new read more than they may; return what they carry, and the answers."""
    headers = site.sign_in(clients[0], site.register(clients[0])).headers
    return headers, read(clients, headers, DEFAULT + 10)


EXHAUSTED = {200: DEFAULT, 429: 10}
