"""Whatever stands in Redis is no answer unless it was kept as one, and nothing else is deleted."""

import pickle
import secrets
from collections.abc import Callable

import pytest

from tests.attacks.cached import (
    CACHE,
    MINE,
    PREFIX,
    STAMP,
    create,
    entries,
    make_owner,
    titles,
)
from tests.attacks.carriers import Credentials
from tests.attacks.deployment import Deployment
from tests.attacks.people import People

pytestmark = pytest.mark.usefixtures("emptied")


@pytest.fixture
def admin(people: People) -> Credentials:
    return people.register_and_sign_in(admin=True)[1]


def lasting(deployment: Deployment) -> set[bytes]:
    """Return all keys but those of limits, which pass by themselves."""
    store = deployment.store
    return {*store.keys()} - {*store.keys("rate_limit:*")}


FOREIGN = {
    "empty": b"",
    "bytes": b"\xff\xfe\x00",
    "pickle": pickle.dumps({"stamps": [""], "text": "x"}),
    "null": b"null",
    "number": b"1",
    "list": b"[]",
    "text": b'"text"',
    "object": b"{}",
    "no stamps": b'{"text": "{}"}',
    "other stamps": b'{"stamps": ["x"], "text": "{}"}',
    "no stamps and a text": b"\n{}",
    "no text": b"%s",
    "one stamp more": b"%s x\n{}",
    "as text": b'{"stamps": "%s", "text": "{}"}',
    "nested": b"[" * 100_000,
    "huge": b"x\n" + b"x" * 30_000_000,
}


@pytest.mark.parametrize("value", FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_entry_is_none(value: bytes, people: People) -> None:
    account, session = make_owner(people, "Engine")
    store, (here, there) = people.deployment.store, people.deployment.processes
    assert titles(here.get(MINE, headers=session.headers)) == ["Engine"]
    [key] = entries(people.deployment, account)
    [kept] = store.values([key])
    stamps = (kept or b"").partition(b"\n")[0]
    store.redis.set(key, value.replace(b"%s", stamps))
    for process in (there, here):
        assert titles(process.get(MINE, headers=session.headers)) == ["Engine"]
    assert store.values([key]) == [kept]


def test_keys_of_another_type_are_none(people: People) -> None:
    account, session = make_owner(people, "Engine")
    store, (here, there) = people.deployment.store, people.deployment.processes
    assert titles(here.get(MINE, headers=session.headers)) == ["Engine"]
    [key] = entries(people.deployment, account)
    writes: list[Callable[[str | bytes], object]] = [
        lambda name: store.redis.rpush(name, "x"),
        lambda name: store.redis.hset(name, "stamps", "x"),
        lambda name: store.redis.sadd(name, "x"),
        lambda name: store.redis.zadd(name, {"x": 1}),
        lambda name: store.redis.set(name, b"\xff\xfe"),
    ]
    for number, write in enumerate(writes):
        for name in (key, STAMP):
            store.redis.delete(name)
            write(name)
            for process in (there, here):
                assert "Engine" in titles(process.get(MINE, headers=session.headers))
        create(here, session, f"Loom {number}")
        for process in (there, here):
            listed = titles(process.get(MINE, headers=session.headers))
            assert len(listed) == number + 2


def test_an_admin_deletes_entries_and_nothing_else(people: People, admin: Credentials) -> None:
    account, session = make_owner(people, "Engine")
    deployment, here = people.deployment, people.deployment.here
    assert titles(here.get(MINE, headers=session.headers)) == ["Engine"]
    store, [key] = deployment.store, entries(deployment, account)
    bystander = f"session:{secrets.token_hex(8)}"
    for name in (bystander, "items", "entry:items", "{cache}:entry", "{cache}:other"):
        store.redis.set(name, "kept")
    before = lasting(deployment)
    spellings = [
        *("*", "%2A", "user_items:*", "%3F", "[a-z]*", ".", "..", "%2E%2E", ""),
        *(bystander, "items", "../stamp:items", "..%2Fstamp:items", "..%252Fstamp:items"),
        *("%7Bcache%7D:stamp:items", "%7Bcache%7D%3Aother", "stamp:items", ":", "%00", "%0A"),
        *(f"x%20{bystander}", f"x%0D%0ADEL%20{bystander}", "%FF", "x" * 4000, "status", "clear"),
    ]
    for spelling in spellings:
        target = {"target": f"{CACHE}/{spelling}".encode()}
        answer = here.delete("/", headers=admin.headers, extensions=target)
        assert (spelling, answer.status_code) in {(spelling, 404), (spelling, 405)}
    assert lasting(deployment) >= before
    entry = key.decode().removeprefix(PREFIX)
    assert here.delete(f"{CACHE}/{entry}", headers=session.headers).status_code == 403
    assert here.delete(f"{CACHE}/{entry}", headers=admin.headers).status_code == 204
    assert before - lasting(deployment) == {key}
    assert titles(here.get(MINE, headers=session.headers)) == ["Engine"]
    assert here.post(f"{CACHE}/clear", headers=admin.headers).json()["entries"] > 0
    assert store.keys(f"{PREFIX}*") == []
    assert before - lasting(deployment) <= {
        name for name in before if name.startswith(b"{cache}:en")
    }
    store.redis.delete(bystander, "items", "entry:items")
