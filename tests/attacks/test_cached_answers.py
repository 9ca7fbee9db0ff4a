"""Cached answers reach nobody whom they are not for, and are those of now."""

import time
from collections.abc import Callable
from functools import partial
from itertools import cycle, islice

import pytest
from httpx2 import Client

from tests.attacks.cached import CACHE, ITEMS, MINE, create, entries, make_owner, titles
from tests.attacks.carriers import API, Credentials
from tests.attacks.people import Account, People, at_once, refusal

pytestmark = pytest.mark.usefixtures("emptied")

READERS = 200
PATIENCE = 20


@pytest.fixture
def admin(people: People) -> Credentials:
    return people.register_and_sign_in(admin=True)[1]


def test_nobody_sees_what_is_kept_for_another(people: People) -> None:
    owners = {title: make_owner(people, title) for title in ("Engine", "Loom", "Compiler")}
    calls = [
        partial(client.get, MINE, headers=headers)
        for client in people.deployment.processes * 10
        for headers in [*(session.headers for _, session in owners.values()), {}]
    ]
    answers = at_once(calls)
    expected = cycle([[title] for title in owners] + [None])
    for answer, own in zip(answers, expected, strict=False):
        if own is None:
            assert answer.status_code == 401
        else:
            assert titles(answer) == own
    # They were kept, so that there was something to see.
    assert all(len(entries(people.deployment, account)) == 1 for account, _ in owners.values())


def test_who_comes_next_with_the_same_client_sees_their_own(people: People) -> None:
    account, session = make_owner(people, "Engine")
    next_account, _ = make_owner(people, "Loom")
    here = people.deployment.here
    assert titles(here.get(MINE, headers=session.headers)) == ["Engine"]
    assert here.post(f"{API}/auth/logout", headers=session.headers).status_code == 204
    for path in (ITEMS, MINE):
        assert here.get(path, headers=session.headers).status_code == 401
        assert here.get(path).status_code == 401
    following = people.sign_in(next_account)
    assert titles(here.get(MINE, headers=following.headers)) == ["Loom"]
    assert titles(here.get(MINE, headers=people.sign_in(account).headers)) == ["Engine"]


def test_no_address_or_header_names_another_reader(people: People) -> None:
    victim, session = make_owner(people, "Engine")
    _, thief = make_owner(people, "Loom")
    here = people.deployment.here
    assert titles(here.get(MINE, headers=session.headers)) == ["Engine"]
    for query in (f"user_id={victim.id}", f"owner_id={victim.id}", f"who={victim.id}"):
        for said in ({}, {"X-User-ID": victim.id}, {"X-Forwarded-User": victim.email}):
            answer = here.get(f"{MINE}?{query}", headers={**thief.headers, **said})
            assert answer.status_code == 422 or "Engine" not in answer.text
            assert titles(here.get(MINE, headers={**thief.headers, **said})) == ["Loom"]


def disable(people: People, account: Account, _: Credentials) -> None:
    people.deployment.database.execute(
        "UPDATE users SET is_active = false WHERE id = $1", account.id
    )


def leave(people: People, _: Account, session: Credentials) -> None:
    answer = people.deployment.there.delete(f"{API}/users/me", headers=session.headers)
    assert answer.status_code == 204, answer.text


def sign_out(people: People, _: Account, session: Credentials) -> None:
    answer = people.deployment.there.post(f"{API}/auth/logout-all", headers=session.headers)
    assert answer.status_code == 204, answer.text


@pytest.mark.parametrize("change", [disable, leave, sign_out])
def test_who_is_out_gets_nothing_that_is_kept(
    change: Callable[[People, Account, Credentials], None], people: People
) -> None:
    account, session = make_owner(people, "Engine")
    for process in people.deployment.processes:
        for path in (ITEMS, MINE):
            assert "Engine" in titles(process.get(path, headers=session.headers))
    assert entries(people.deployment, account)
    change(people, account, session)
    for process in people.deployment.processes:
        for path in (ITEMS, MINE):
            assert refusal(process.get(path, headers=session.headers))[0] == 401


def test_who_is_no_admin_any_more_does_not_see_the_cache(people: People) -> None:
    account, session = people.register_and_sign_in(admin=True)
    here, there = people.deployment.processes
    assert there.get(f"{CACHE}/status", headers=session.headers).status_code == 200
    people.deployment.database.execute("UPDATE users SET role = 'user' WHERE id = $1", account.id)
    for process in (here, there):
        assert process.get(f"{CACHE}/status", headers=session.headers).status_code == 403


def queries(account: Account) -> list[bytes]:
    """Return queries that are easily taken for each other; they are sent as they are."""
    own = f"owner_id={account.id}&page_size=1&".encode()
    return [
        own + rest
        for rest in (
            *(b"page=1", b"page=2", b"page=%32", b"p%61ge=2", b"page=02"),
            *(b"page=1&page=2", b"page=2&page=1", b"page=3&page=1&page=2", b"page=2&page=3&page=1"),
            *(b"page=1&page_size=2", b"page_size=2&page=2", b"page_size=2&page_size=1"),
            *(b"sort=title", b"sort=-title", b"sort=title&sort=-title", b"sort=-title&sort=title"),
            *(b"sort=title,-title", b"sort=-title,title", b"sort=title%2C-title"),
            *(b"title=a+b", b"title=a%20b", b"title=a%2Bb", b"title=a%2520b", b"title=", b"title"),
            *(b"title=a%20b&title=a", b"title=a&title=a%20b", b"title=a%26page=2"),
            *(b"title=%C3%A9", b"title=e%CC%81", b"title=%E9"),
            *(b"title=%FF", b"title=%EF%BF%BD", b"title=%00", b"title=%u0061"),
            *(b"page=1;page=2", b"page=2&&", b"page=2&x=1", b"page=2&=", b"page=1%26page=2"),
        )
    ]


def ask(client: Client, session: Credentials, path: str, query: bytes) -> tuple[int, object]:
    target = path.encode() + b"?" + query
    answer = client.get("/", headers=session.headers, extensions={"target": target})
    assert answer.status_code in {200, 400, 422}, (query, answer.text)
    return answer.status_code, answer.json()["items"] if answer.status_code == 200 else None


@pytest.mark.parametrize("path", [ITEMS, MINE])
def test_no_query_gets_the_page_of_another(path: str, people: People, admin: Credentials) -> None:
    account, session = people.register_and_sign_in()
    here = people.deployment.here
    for title in ("a", "a b", "a+b", "\u00e9", "\ufffd", "\u00c3\u00a9", "z"):
        create(here, session, title)
    asked = queries(account)
    expected = {}
    for query in asked:
        assert here.post(f"{CACHE}/clear", headers=admin.headers).status_code == 200
        expected[query] = ask(here, session, path, query)
    assert len({str(answer) for answer in expected.values()}) > 10
    for order in (asked, asked[::-1]):
        assert here.post(f"{CACHE}/clear", headers=admin.headers).status_code == 200
        for query, process in zip(order * 2, cycle(people.deployment.processes), strict=False):
            assert (query, ask(process, session, path, query)) == (query, expected[query])


def test_a_write_is_in_the_very_next_answer_of_the_other_process(people: People) -> None:
    account, session = people.register_and_sign_in()
    processes = people.deployment.processes
    params = {"owner_id": account.id}
    made: list[str] = []
    for number in range(50):
        writer, reader = processes[number % 2], processes[1 - number % 2]
        if number % 5 == 4:
            gone = writer.delete(f"{ITEMS}/{made.pop(0)}", headers=session.headers)
            assert gone.status_code == 204
        else:
            made.append(create(writer, session, f"Engine {number}"))
        for path, query in ((ITEMS, params), (MINE, {})):
            answer = reader.get(path, params=query, headers=session.headers)
            assert (number, answer.json()["total"]) == (number, len(made))
    assert entries(people.deployment, account)


def test_what_is_kept_is_read_without_its_table(people: People) -> None:
    account, session = make_owner(people, "Engine")
    database, processes = people.deployment.database, people.deployment.processes

    def read() -> None:
        for path, query in ((MINE, {}), (ITEMS, {"owner_id": account.id})):
            for process in processes:
                answer = process.get(path, params=query, headers=session.headers)
                assert titles(answer) == ["Engine"]

    read()
    database.lock("items")
    database.release(waiting=0, meanwhile=read)


def test_many_who_read_at_once_ask_the_database_little(people: People, admin: Credentials) -> None:
    account, session = make_owner(people, "Engine")
    database, processes = people.deployment.database, people.deployment.processes

    def misses() -> int:
        statuses = [client.get(f"{CACHE}/status", headers=admin.headers) for client in processes]
        return sum(int(status.json()["misses"]) for status in statuses)

    def wait_for_all() -> None:
        """Wait until so many have found nothing as the processes have connections for."""
        deadline = time.monotonic() + PATIENCE
        while misses() < before + READERS and time.monotonic() < deadline:
            time.sleep(0.05)
        asking.extend(database.fetch(waiting))

    before, asking = misses(), list[tuple[int]]()
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'items'::regclass"
    params = {"owner_id": account.id}
    calls = [
        partial(client.get, ITEMS, params=params, headers=session.headers)
        for client in islice(cycle(processes), READERS)
    ]
    database.lock("items")
    release = partial(database.release, waiting=1, meanwhile=wait_for_all)
    answers = at_once(calls, workers=READERS, meanwhile=release)
    assert [titles(answer) for answer in answers] == [["Engine"]] * READERS
    assert asking == [(2,)]
    assert misses() == before + READERS
