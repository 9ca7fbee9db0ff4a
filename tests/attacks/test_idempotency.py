"""A key makes a request take effect once, and is worth nothing to anybody else."""

import secrets
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import pytest
from httpx2 import Client, Response, TransportError

from tests.attacks.carriers import API, Credentials
from tests.attacks.journeys import found
from tests.attacks.people import Account, People, at_once, refusal

ITEMS = f"{API}/items"
REUSED = (422, "idempotency_key_reused")
INVALID = (422, "validation_error")
REPLAYED = "Idempotency-Replayed"
PATIENCE = 20


@pytest.fixture
def key() -> str:
    return secrets.token_urlsafe(24)


def create(
    client: Client, session: Credentials, key: str | bytes, title: str = "Engine"
) -> Response:
    sent = {**session.headers, "Idempotency-Key": key}
    headers = [(name.encode(), _raw(value)) for name, value in sent.items()]
    return client.post(ITEMS, json={"title": title}, headers=headers)


def _raw(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def made_by(people: People, account: Account) -> list[str]:
    """Return the titles of all that an account has made, deleted or not."""
    sql = "SELECT title FROM items WHERE owner_id = $1 ORDER BY title"
    return [title for (title,) in people.deployment.database.fetch(sql, account.id)]


def test_of_many_at_once_one_takes_effect(people: People, key: str) -> None:
    account, session = people.register_and_sign_in()
    clients = islice(cycle(people.deployment.processes), 20)
    answers = at_once(partial(create, client, session, key) for client in clients)
    made = [answer for answer in answers if answer.status_code == 201]
    assert {refusal(answer) for answer in answers if answer not in made} <= {
        (409, "request_in_progress")
    }
    assert len({answer.content for answer in made}) == 1
    assert [answer.headers.get(REPLAYED) for answer in made].count(None) == 1
    assert made_by(people, account) == ["Engine"]
    for process in people.deployment.processes:
        again = create(process, session, key)
        assert (again.content, again.headers[REPLAYED]) == (made[0].content, "true")
    # Another key is another request.
    assert create(people.deployment.here, session, f"{key}2").status_code == 201
    assert made_by(people, account) == ["Engine"] * 2


def test_a_key_is_good_for_one_body(people: People, key: str) -> None:
    account, session = people.register_and_sign_in()
    here, there = people.deployment.processes
    first = create(here, session, key)
    for title in ("Loom", "engine", "Engine ", "Engine\u200b"):
        assert refusal(create(there, session, key, title)) == REUSED
    headers = {**session.headers, "Idempotency-Key": key}
    for body in ({"title": "Engine", "description": None}, {"title": "Engine", "description": ""}):
        assert refusal(there.post(ITEMS, json=body, headers=headers)) == REUSED
    query = there.post(f"{ITEMS}?x=1", json={"title": "Engine"}, headers=headers)
    assert refusal(query) == REUSED
    for path in (f"{ITEMS}/", f"{ITEMS}//"):
        same = there.post(path, json={"title": "Engine"}, headers=headers)
        assert (same.content, same.headers[REPLAYED]) == (first.content, "true")
    assert made_by(people, account) == ["Engine"]


def test_a_key_is_its_users_own(people: People, key: str) -> None:
    (account, session), (other, stranger) = (people.register_and_sign_in() for _ in range(2))
    here, there = people.deployment.processes
    first = create(here, session, key)
    assert refusal(here.post(ITEMS, json={"title": "Engine"}, headers={"Idempotency-Key": key}))[
        0
    ] in {401, 403}
    for title in ("Engine", "Loom"):
        answer = create(there, stranger, f"{key}{title[:1]}" if title == "Loom" else key, title)
        assert (answer.status_code, answer.headers.get(REPLAYED)) == (201, None)
        assert answer.json()["owner_id"] == other.id
        assert account.id not in answer.text
    assert refusal(create(there, stranger, key, "Loom")) == REUSED
    again = create(there, people.sign_in(account), key)
    assert (again.content, again.headers[REPLAYED]) == (first.content, "true")
    assert (made_by(people, account), made_by(people, other)) == (["Engine"], ["Engine", "Loom"])


def test_a_key_says_nothing_of_another_route(people: People, key: str) -> None:
    account, session = people.register_and_sign_in()
    here, there = people.deployment.processes
    item = create(here, session, key).json()
    headers = {**session.headers, "Idempotency-Key": key}
    path = f"{ITEMS}/{item['id']}"
    changed = there.patch(path, json={"title": "Engine"}, headers=headers)
    assert (changed.status_code, changed.headers.get(REPLAYED)) == (200, None)
    assert there.patch(path, json={"title": "Loom"}, headers=headers).json()["title"] == "Loom"
    assert there.get(ITEMS, headers=headers).headers.get(REPLAYED) is None
    assert made_by(people, account) == ["Loom"]
    # What the first answer said is no news of what is there now.
    again = create(there, session, key)
    assert (again.json(), again.headers[REPLAYED]) == (item, "true")
    assert there.get(path, headers=session.headers).json()["title"] == "Loom"


def test_what_was_deleted_is_not_made_again(people: People, key: str) -> None:
    account, session = people.register_and_sign_in()
    here, there = people.deployment.processes
    first = create(here, session, key)
    path = f"{ITEMS}/{first.json()['id']}"
    assert there.delete(path, headers=session.headers).status_code == 204
    assert create(there, session, key).content == first.content
    assert here.get(path, headers=session.headers).status_code == 404
    assert here.get(f"{ITEMS}/my", headers=session.headers).json()["total"] == 0
    assert len(made_by(people, account)) <= 1


def disable(people: People, account: Account, _: Credentials) -> None:
    people.deployment.database.execute(
        "UPDATE users SET is_active = false WHERE id = $1", account.id
    )


def leave(people: People, _: Account, session: Credentials) -> None:
    answer = people.deployment.here.delete(f"{API}/users/me", headers=session.headers)
    assert answer.status_code == 204, answer.text


@pytest.mark.parametrize("change", [disable, leave])
def test_who_is_out_gets_no_answer_again(
    change: Callable[[People, Account, Credentials], None], people: People, key: str
) -> None:
    account, session = people.register_and_sign_in()
    here, there = people.deployment.processes
    answer = create(here, session, key)
    assert create(there, session, key).headers[REPLAYED] == "true"
    change(people, account, session)
    _, other = people.register_and_sign_in()
    for process in (here, there):
        refused = create(process, session, key)
        assert refused.status_code == 401
        assert answer.json()["id"] not in refused.text
        assert create(process, other, key).json()["id"] != answer.json()["id"]


def test_what_failed_may_be_tried_again(people: People, key: str) -> None:
    account, session = people.register_and_sign_in()
    here, there = people.deployment.processes
    for title in ("", "x" * 201, "\x00"):
        assert refusal(create(here, session, key, title)) == INVALID
    assert made_by(people, account) == []
    answer = create(there, session, key)
    assert (answer.status_code, answer.headers.get(REPLAYED)) == (201, None)
    assert create(here, session, key).headers[REPLAYED] == "true"
    assert made_by(people, account) == ["Engine"]


def test_a_key_that_is_none_is_refused(people: People) -> None:
    account, session = people.register_and_sign_in()
    here, there = people.deployment.processes
    nonsense: list[str | bytes] = ["", "x" * 256, "x" * 8000, "a b", "a\tb", "\u00e9".encode()]
    nonsense += [b"\xff", b"\xf0\x9f\x94\x91", "\u2028".encode(), b"key\xa0", b"\x80"]
    for key in nonsense:
        assert (key, refusal(create(here, session, key))) == (key, INVALID)
    assert made_by(people, account) == []
    sound = ["x", "x" * 255, "~!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}"]
    for number, key in enumerate(sound, 1):
        for process in (here, there):
            assert create(process, session, key).status_code == 201
        assert len(made_by(people, account)) == number


def test_bodies_that_cannot_be_kept_are_refused(people: People, key: str) -> None:
    account, session = people.register_and_sign_in()
    headers = {**session.headers, "Idempotency-Key": key, "Content-Type": "application/json"}
    bodies = [
        *(b"", b"{", b"null", b"[]", b"1", b"NaN", b"\xff", b'{"title": "\\ud800"}'),
        b'{"title": %d}' % 2**80,
        b'{"title": "Engine", "description": %d}' % 2**80,
        b'{"title": "Engine", "size": Infinity}',
        b'{"title": "Engine", "description": %s}' % (b"[" * 5000 + b"]" * 5000),
        b'{"\\ud800": 1, "title": "Engine"}',
    ]
    for body in bodies:
        answer = people.deployment.here.post(ITEMS, content=body, headers=headers)
        assert (body[:40], answer.status_code) in {(body[:40], 400), (body[:40], 422)}
    assert made_by(people, account) == []
    assert create(people.deployment.there, session, key).status_code == 201


def test_keys_are_neither_stored_nor_logged(people: People) -> None:
    account, session = people.register_and_sign_in()
    here, there = people.deployment.processes
    keys = [secrets.token_urlsafe(24) for _ in range(4)]
    for process in (here, there):
        create(process, session, keys[0])
        create(process, session, keys[0], "Loom")
        create(process, session, keys[1], "")
        create(process, session, f"{keys[2]} x")
        create(process, session, f"{keys[3]} {keys[3]}")
    assert made_by(people, account) == ["Engine"]
    stored, logged = people.deployment.stored(), people.deployment.log()
    assert found(keys, stored) == []
    assert found(keys, logged) == []
    assert account.id in stored
    assert account.id in logged


def test_a_process_that_dies_on_the_way_leaves_nothing_half_done(
    people: People, key: str, tmp_path: Path
) -> None:
    account, session = people.register_and_sign_in()
    database = people.deployment.database
    with people.deployment.third(tmp_path) as (client, process), ThreadPoolExecutor(1) as pool:
        # The item names its owner, whose row it has to wait for.
        database.hold("SELECT FROM users WHERE id = $1 FOR UPDATE", account.id)
        call = pool.submit(create, client, session, key)
        database.release(waiting=1, meanwhile=partial(process.send_signal, signal.SIGKILL))
        with pytest.raises(TransportError):
            call.result()
    answer = create_once_free(people.deployment.there, session, key)
    assert (answer.status_code, answer.headers.get(REPLAYED)) == (201, None)
    assert made_by(people, account) == ["Engine"]
    again = create(people.deployment.here, session, key)
    assert (again.content, again.headers[REPLAYED]) == (answer.content, "true")


def create_once_free(client: Client, session: Credentials, key: str) -> Response:
    """Try until PostgreSQL has noticed that nobody is answering the request with this key."""
    deadline = time.monotonic() + PATIENCE
    while (answer := create(client, session, key)).status_code == 409:
        assert time.monotonic() < deadline, "The key is never free again"
        time.sleep(0.05)
    return answer
