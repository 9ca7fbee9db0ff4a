import asyncio
from typing import Any

import pytest
from dirty_equals import IsPartialDict
from httpx2 import AsyncClient

from tests.fixtures import carrier
from tests.fixtures.api import PASSWORD, Account, Api, SignIn, assert_problem, open_account
from tests.fixtures.database import Database

ME = "/api/v1/users/me"
USERS = "/api/v1/users"


async def open_accounts(api: Api, *names: str) -> None:
    for name in names:
        await open_account(api, Account(f"{name}@example.com", name))


async def test_me_is_the_one_who_signed_in(user_client: AsyncClient, user: Account) -> None:
    response = await user_client.get(ME)

    assert response.status_code == 200
    assert response.json() == IsPartialDict(email=user.email, username=user.username, role="user")
    assert "password" not in response.text
    assert response.headers["cache-control"] == "no-store"


async def test_me_needs_a_signature(client: AsyncClient) -> None:
    assert_problem(await client.get(ME), 401, "not_authenticated")
    assert_problem(await client.patch(ME, json={}), 401, "not_authenticated")


async def test_only_what_is_named_changes(user_client: AsyncClient) -> None:
    before = (await user_client.get(ME)).json()
    response = await user_client.patch(ME, json={"full_name": "Ada Lovelace"})

    assert response.status_code == 200
    after = response.json()
    assert after == before | {"full_name": "Ada Lovelace", "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert (await user_client.get(ME)).json() == after
    assert (await user_client.patch(ME, json={})).json() == after


async def test_names_can_be_taken_back(
    user_client: AsyncClient, client: AsyncClient, api: Api
) -> None:
    response = await user_client.patch(ME, json={"username": None, "full_name": None})
    assert response.json() == IsPartialDict(username=None, full_name=None)
    credentials = {"username": "ada", "password": PASSWORD}
    login = await client.post("/api/v1/auth/login", json=credentials)
    assert_problem(login, 401, "invalid_credentials")
    await open_accounts(api, "ada2")
    assert (await user_client.patch(ME, json={"username": "ada"})).status_code == 200
    assert (await client.post("/api/v1/auth/login", json=credentials)).status_code == 200


@pytest.mark.parametrize("username", ["grace", "GRACE"])
async def test_the_user_name_of_another_is_taken(
    user_client: AsyncClient, api: Api, username: str
) -> None:
    await open_accounts(api, "grace")
    response = await user_client.patch(ME, json={"username": username})
    assert_problem(response, 409, "username_taken")
    assert (await user_client.get(ME)).json()["username"] == "ada"
    assert (await user_client.patch(ME, json={"username": "ADA"})).json()["username"] == "ADA"


async def test_of_two_who_want_a_user_name_at_once_one_gets_it(api: Api, sign_in: SignIn) -> None:
    names = [f"user{n}" for n in range(8)]
    await open_accounts(api, *names)
    clients = [await sign_in(Account(f"{name}@example.com")) for name in names]
    responses = await asyncio.gather(*(c.patch(ME, json={"username": "wanted"}) for c in clients))
    assert sorted(response.status_code for response in responses) == [200] + [409] * 7


@pytest.mark.parametrize("change", [{"role": "admin"}, {"email": "x@example.com"}, {"id": None}])
async def test_no_other_member_can_be_changed(
    user_client: AsyncClient, change: dict[str, Any]
) -> None:
    before = (await user_client.get(ME)).json()
    response = await user_client.patch(ME, json=change)
    problem = assert_problem(response, 422, "validation_error")
    assert [error["code"] for error in problem["errors"]] == ["extra_forbidden"]
    assert (await user_client.get(ME)).json() == before


async def test_the_list_is_for_admins(
    client: AsyncClient, user_client: AsyncClient, admin_client: AsyncClient
) -> None:
    assert_problem(await client.get(USERS), 401, "not_authenticated")
    assert_problem(await user_client.get(USERS), 403, "forbidden")
    assert (await admin_client.get(USERS)).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET is_active = false",
        "UPDATE users SET deleted_at = now()",
        "UPDATE auth_sessions SET expires_at = now()",
        "DELETE FROM users",
    ],
)
async def test_what_ends_an_account_acts_on_the_next_request(
    user_client: AsyncClient, database: Database, change: str
) -> None:
    assert (await user_client.get(ME)).status_code == 200
    await database.execute(change)
    assert_problem(await user_client.get(ME), 401, carrier.ENDED)


async def test_a_role_acts_on_the_next_request(
    user_client: AsyncClient, database: Database
) -> None:
    for role, status in {"admin": 200, "unknown": 403, "user": 403}.items():
        await database.execute("UPDATE users SET role = $1", role)
        assert (await user_client.get(USERS)).status_code == status, role


async def test_pages_hold_every_user_once(api: Api, admin_client: AsyncClient) -> None:
    await open_accounts(api, *(f"user{n}" for n in range(6)))
    pages = []
    for page in (1, 2, 3):
        params = {"page": page, "page_size": 3, "sort": "email"}
        response = await admin_client.get(USERS, params=params)
        assert response.json() == IsPartialDict(total=7, page=page, page_size=3, pages=3)
        pages.append([row["email"] for row in response.json()["items"]])
    assert [len(page) for page in pages] == [3, 3, 1]
    emails = [email for page in pages for email in page]
    assert emails == sorted({"root@example.com", *(f"user{n}@example.com" for n in range(6))})


async def test_a_page_past_the_end_keeps_the_total(admin_client: AsyncClient) -> None:
    response = await admin_client.get(USERS, params={"page": 9, "page_size": 5})
    assert response.json() == {"items": [], "total": 1, "page": 9, "page_size": 5, "pages": 1}


async def test_nothing_found_is_an_empty_page(admin_client: AsyncClient) -> None:
    response = await admin_client.get(USERS, params={"role": "nobody-has-it"})
    assert response.json() == {"items": [], "total": 0, "page": 1, "page_size": 20, "pages": 0}


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("email", ["a", "b", "c", "root"]),
        ("-email", ["root", "c", "b", "a"]),
        ("created_at", ["root", "b", "c", "a"]),
        ("-created_at", ["a", "c", "b", "root"]),
        ("", ["a", "c", "b", "root"]),
        ("email,-created_at", ["a", "b", "c", "root"]),
    ],
)
async def test_sorting(api: Api, admin_client: AsyncClient, sort: str, expected: list[str]) -> None:
    await open_accounts(api, "bbb", "ccc", "aaa")
    response = await admin_client.get(USERS, params={"sort": sort} if sort else {})
    found = [row["email"].partition("@")[0] for row in response.json()["items"]]
    assert found == [name if name == "root" else name * 3 for name in expected]


async def test_the_newest_id_comes_first_among_equals(
    api: Api, admin_client: AsyncClient, database: Database
) -> None:
    await open_accounts(api, *(f"user{n}" for n in range(6)))
    await database.execute("UPDATE users SET created_at = now()")
    pages = [await admin_client.get(USERS, params={"page": n, "page_size": 2}) for n in range(1, 5)]
    ids = [row["id"] for page in pages for row in page.json()["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 7


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"email": "ADA@example.com"}, ["ada"]),
        ({"role": "admin"}, ["root"]),
        ({"role": "user", "sort": "email"}, ["ada", "grace"]),
        ({"is_active": "false"}, ["grace"]),
        ({"is_active": "true", "sort": "email"}, ["ada", "root"]),
        ({"is_active": "true", "role": "user"}, ["ada"]),
        ({"email": "nobody@example.com"}, []),
    ],
)
async def test_filters(
    api: Api,
    admin_client: AsyncClient,
    database: Database,
    params: dict[str, str],
    expected: list[str],
) -> None:
    await open_accounts(api, "ada", "grace")
    await database.execute("UPDATE users SET is_active = false WHERE username = 'grace'")
    page = (await admin_client.get(USERS, params=params)).json()
    assert [row["email"].partition("@")[0] for row in page["items"]] == expected
    assert page["total"] == len(expected)


async def test_deleted_accounts_are_not_listed(
    admin_client: AsyncClient, user: Account, database: Database
) -> None:
    assert (await admin_client.get(USERS)).json()["total"] == 2
    await database.execute("UPDATE users SET deleted_at = now() WHERE email = $1", user.email)
    assert (await admin_client.get(USERS)).json()["total"] == 1


@pytest.mark.parametrize(
    "params", [{"fields": "id,email"}, [("fields", "id"), ("fields", "email")]]
)
async def test_only_the_fields_that_were_asked_for_are_shown(
    admin_client: AsyncClient, params: Any
) -> None:
    everything = (await admin_client.get(USERS)).json()["items"]
    sparse = (await admin_client.get(USERS, params=params)).json()["items"]
    assert sparse == [{"id": row["id"], "email": row["email"]} for row in everything]
    assert set(everything[0]) == set((await admin_client.get(ME)).json())


@pytest.mark.parametrize(
    "params",
    [
        {"sort": "hashed_password"},
        {"sort": "email;drop"},
        {"sort": "--email"},
        {"fields": "hashed_password"},
        {"fields": "id,,nothing"},
        {"unknown": "1"},
        {"full_name": "filters only by what is listed"},
        {"is_active": "perhaps"},
        {"page": 0},
        {"page": -1},
        {"page": 10**30},
        {"page": "1.5"},
        {"page": "NaN"},
        {"page_size": 0},
        {"page_size": 101},
        {"page_size": "1e2"},
        {"email": "\x00"},
        {"role": "\x00"},
        {"role": "x" * 33},
        {"sort": ",".join(["email"] * 9)},
    ],
    ids=str,
)
async def test_a_query_that_is_not_understood_is_refused(
    admin_client: AsyncClient, params: dict[str, str | int]
) -> None:
    response = await admin_client.get(USERS, params=params)
    problem = assert_problem(response, 422, "validation_error")
    [name] = params
    assert {error["in"] for error in problem["errors"]} == {"query"}
    assert all(error["pointer"].startswith(f"#/{name}") for error in problem["errors"])


@pytest.mark.parametrize("page", [1, 1_000_000])
async def test_the_bounds_of_a_page_are_within(admin_client: AsyncClient, page: int) -> None:
    response = await admin_client.get(USERS, params={"page": page, "page_size": 100})
    assert response.status_code == 200


async def test_the_path_with_a_slash_is_the_same_and_no_redirect(
    admin_client: AsyncClient,
) -> None:
    params = {"fields": "email"}
    plain = await admin_client.get(USERS, params=params)
    slash = await admin_client.get(f"{USERS}/", params=params)
    assert (slash.status_code, slash.json()) == (200, plain.json())
    assert (await admin_client.get(f"{ME}/")).json() == (await admin_client.get(ME)).json()
