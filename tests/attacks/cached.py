"""Lists of items, which are kept in the cache."""

from httpx2 import Client, Response

from tests.attacks.carriers import API, Credentials
from tests.attacks.deployment import Deployment
from tests.attacks.people import Account, People

ITEMS, MINE = f"{API}/items", f"{API}/items/my"
CACHE = f"{API}/cache"
PREFIX, STAMP = "{cache}:entry:", "{cache}:stamp:items"


def create(client: Client, session: Credentials, title: str) -> str:
    answer = client.post(ITEMS, json={"title": title}, headers=session.headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def titles(answer: Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


def entries(deployment: Deployment, account: Account) -> list[bytes]:
    """Return the keys of what is kept for a user alone."""
    return deployment.store.keys(f"{PREFIX}user_items:{account.id}:*")


def make_owner(people: People, title: str) -> tuple[Account, Credentials]:
    account, session = people.register_and_sign_in()
    create(people.deployment.here, session, title)
    return account, session
