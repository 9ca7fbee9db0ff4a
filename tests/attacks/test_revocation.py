"""What ends a session here has ended it there, at the very next request."""

from functools import partial

import pytest
from httpx2 import Client

from tests.attacks.carriers import API, Credentials
from tests.attacks.changes import change_email, change_password
from tests.attacks.deployment import Deployment
from tests.attacks.people import Account, People, at_once, is_in, me, new_password, refusal

CAP = 10


@pytest.fixture
def phone(people: People, account: Account, here: Client) -> Credentials:
    return people.sign_in(account, client=here)


@pytest.fixture
def laptop(people: People, account: Account, there: Client) -> Credentials:
    return people.sign_in(account, client=there)


@pytest.fixture
def stranger(people: People) -> Credentials:
    return people.register_and_sign_in()[1]


@pytest.fixture
def admin(people: People) -> Credentials:
    return people.register_and_sign_in(admin=True)[1]


@pytest.fixture(autouse=True)
def _all_are_in(
    phone: Credentials, laptop: Credentials, stranger: Credentials, deployment: Deployment
) -> None:
    for process in deployment.processes:
        assert all(is_in(process, credentials) for credentials in (phone, laptop, stranger))


def test_logout_ends_one_device(
    people: People, phone: Credentials, laptop: Credentials, here: Client, there: Client
) -> None:
    assert here.post(f"{API}/auth/logout", headers=phone.headers).status_code == 204
    assert not is_in(there, phone)
    assert people.is_over(phone)
    assert is_in(there, laptop)


def test_logout_all_ends_all_devices_of_one_user(
    people: People, phone: Credentials, laptop: Credentials, stranger: Credentials, here: Client
) -> None:
    assert here.post(f"{API}/auth/logout-all", headers=phone.headers).status_code == 204
    assert people.is_over(laptop)
    assert people.is_over(phone)
    assert is_in(here, stranger)


def test_a_device_is_ended_from_another(
    people: People, phone: Credentials, laptop: Credentials, here: Client, there: Client
) -> None:
    sessions = f"{API}/auth/sessions"
    path = f"{sessions}/{people.session_id(phone)}"
    assert there.delete(path, headers=laptop.headers).status_code == 204
    assert not is_in(here, phone)
    assert people.is_over(phone)
    listed = here.get(sessions, headers=laptop.headers).json()["items"]
    assert [entry["id"] for entry in listed] == [people.session_id(laptop)]
    assert there.delete(path, headers=laptop.headers).status_code == 404


def test_a_new_password_ends_the_other_devices(
    people: People, account: Account, phone: Credentials, laptop: Credentials, here: Client
) -> None:
    new = new_password()
    answer = change_password(here, phone, account.password, new)
    assert answer.status_code == 204, answer.text
    assert people.is_over(laptop)
    phone = people.carrier.renewed(phone, answer)
    for process in people.deployment.processes:
        assert is_in(process, phone)
        assert not people.can_sign_in(process, account.email, account.password)
        assert people.can_sign_in(process, account.email, new)


def test_a_reset_ends_every_device_and_signs_nobody_in(
    people: People, account: Account, phone: Credentials, laptop: Credentials, there: Client
) -> None:
    new = new_password()
    [token] = people.reset_tokens(account)
    body = {"token": token, "password": new}
    answer = there.post(
        f"{API}/auth/reset-password", json=body, headers=people.carrier.nobody(there)
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Set-Cookie" not in answer.headers
    assert people.is_over(phone)
    assert people.is_over(laptop)
    for process in people.deployment.processes:
        assert not people.can_sign_in(process, account.email, account.password)
        assert people.can_sign_in(process, account.email, new)


def test_a_role_is_taken_away_at_once(
    people: People, account: Account, phone: Credentials, admin: Credentials
) -> None:
    here, there = people.deployment.processes
    path = f"{API}/users/{account.id}"
    assert refusal(there.get(f"{API}/users", headers=phone.headers)) == (403, "forbidden")
    promoted = here.patch(path, json={"role": "admin"}, headers=admin.headers)
    assert promoted.status_code == 200, promoted.text
    session = people.sign_in(account, client=there)
    assert there.get(f"{API}/users", headers=session.headers).status_code == 200
    assert here.patch(path, json={"role": "user"}, headers=admin.headers).status_code == 200
    assert there.get(f"{API}/users", headers=session.headers).status_code in {401, 403}


def test_a_deactivated_user_is_out_and_stays_out_of_old_sessions(
    people: People, account: Account, phone: Credentials, laptop: Credentials, admin: Credentials
) -> None:
    here, there = people.deployment.processes
    path = f"{API}/users/{account.id}"
    off = here.patch(path, json={"is_active": False}, headers=admin.headers)
    assert off.status_code == 200, off.text
    assert not is_in(there, phone)
    assert people.is_over(laptop)
    assert not people.can_sign_in(there, account.email, account.password)
    on = there.patch(path, json={"is_active": True}, headers=admin.headers)
    assert on.status_code == 200, on.text
    assert people.is_over(phone)
    assert people.is_over(laptop)
    assert people.can_sign_in(here, account.email, account.password)


@pytest.mark.parametrize("by", ["self", "admin"])
def test_a_deleted_user_is_out(
    by: str, people: People, account: Account, phone: Credentials, admin: Credentials
) -> None:
    here, there = people.deployment.processes
    path = "me" if by == "self" else account.id
    headers = (phone if by == "self" else admin).headers
    assert here.delete(f"{API}/users/{path}", headers=headers).status_code == 204
    assert not is_in(there, phone)
    assert people.is_over(phone)
    for name in (account.email, account.username):
        assert not people.can_sign_in(there, name, account.password)


def test_a_name_that_is_free_again_opens_nothing_old(
    people: People, account: Account, phone: Credentials, here: Client, there: Client
) -> None:
    assert here.delete(f"{API}/users/me", headers=phone.headers).status_code == 204
    new = new_password()
    body = {"email": account.email, "username": account.username, "password": new}
    again = there.post(f"{API}/auth/register", json=body, headers=people.carrier.nobody(there))
    assert again.status_code == 201, again.text
    assert again.json()["id"] != account.id
    assert people.is_over(phone)
    assert not people.can_sign_in(here, account.email, account.password)
    assert people.can_sign_in(here, account.email, new)


def test_a_new_address_takes_the_place_of_the_old_one(
    people: People, account: Account, phone: Credentials, here: Client, there: Client
) -> None:
    new = f"new-{account.email}"
    people.deployment.database.execute(
        "UPDATE users SET email_verified_at = now() WHERE id = $1", account.id
    )
    answer = change_email(here, phone, account.password, new)
    assert answer.status_code == 200, answer.text
    seen = me(there, people.carrier.renewed(phone, answer)).json()
    assert (seen["email"], seen["email_verified_at"]) == (new, None)
    assert not people.can_sign_in(there, account.email, account.password)
    assert people.can_sign_in(there, new, account.password)


def test_the_oldest_of_too_many_devices_is_out(
    people: People, account: Account, phone: Credentials, laptop: Credentials
) -> None:
    processes = people.deployment.processes
    newer = [people.sign_in(account, client=processes[number % 2]) for number in range(CAP - 2)]
    assert all(is_in(processes[0], each) for each in (phone, laptop, *newer))
    newest = people.sign_in(account, client=processes[1])
    assert people.is_over(phone)
    assert all(is_in(process, each) for each in (laptop, *newer, newest) for process in processes)


def test_parallel_sign_ins_do_not_pass_the_cap(people: People, account: Account) -> None:
    sessions = at_once(
        partial(people.sign_in, account, client=process)
        for process in people.deployment.processes * 10
    )
    alive = [session for session in sessions if is_in(people.deployment.here, session)]
    assert len(alive) == CAP
