import asyncio

import pytest
from dirty_equals import IsDatetime, IsStr
from httpx2 import AsyncClient

from tests.fixtures.api import PASSWORD, Account, assert_problem
from tests.fixtures.database import Database

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"


async def test_a_new_account_is_shown_and_can_sign_in(client: AsyncClient) -> None:
    body = {
        "email": "Ada@Example.com",
        "username": "Ada",
        "full_name": "  Ada Lovelace ",
        "password": PASSWORD,
    }
    response = await client.post(REGISTER, json=body)

    assert response.status_code == 201
    assert response.json() == {
        "id": IsStr(regex=r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}"),
        "email": "Ada@example.com",
        "username": "Ada",
        "full_name": "Ada Lovelace",
        "role": "user",
        "is_active": True,
        "email_verified_at": None,
        "created_at": IsDatetime(iso_string=True),
        "updated_at": IsDatetime(iso_string=True),
    }
    credentials = {"username": "ada@example.com", "password": PASSWORD}
    assert (await client.post(LOGIN, json=credentials)).status_code == 200


async def test_name_and_user_name_may_be_left_out(client: AsyncClient) -> None:
    for email in ("one@example.com", "two@example.com"):
        response = await client.post(REGISTER, json={"email": email, "password": PASSWORD})
        assert response.status_code == 201
        assert response.json()["username"] is None


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@EXAMPLE.COM", "Ada@example.COM"])
async def test_an_address_is_taken_however_it_is_spelt(
    client: AsyncClient, user: Account, email: str
) -> None:
    response = await client.post(REGISTER, json={"email": email, "password": PASSWORD})
    assert_problem(response, 409, "email_taken")


@pytest.mark.parametrize("username", ["ada", "ADA", "ａｄａ"])  # noqa: RUF001
async def test_a_user_name_is_taken_however_it_is_spelt(
    client: AsyncClient, user: Account, username: str
) -> None:
    body = {"email": "other@example.com", "username": username, "password": PASSWORD}
    assert_problem(await client.post(REGISTER, json=body), 409, "username_taken")
    assert (await client.post(REGISTER, json=body | {"username": "other"})).status_code == 201


@pytest.mark.parametrize("member", ["email", "username"])
async def test_of_twenty_at_once_one_gets_the_name(
    client: AsyncClient, database: Database, member: str
) -> None:
    bodies = [
        {"email": f"ada{n}@example.com", "username": f"ada{n}", "password": PASSWORD}
        | ({"email": "ada@example.com"} if member == "email" else {"username": "ada"})
        for n in range(20)
    ]
    responses = await asyncio.gather(*(client.post(REGISTER, json=body) for body in bodies))

    assert sorted(response.status_code for response in responses) == [201] + [409] * 19
    for response in responses:
        if response.status_code == 409:
            assert_problem(response, 409, f"{member}_taken")
    assert await database.count("users") == 1


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"email": "nobody"}, "#/email", "email"),
        ({"email": "a@localhost"}, "#/email", "email"),
        ({"email": f"{'a' * 400}@example.com"}, "#/email", "string_too_long"),
        ({"username": "a@b"}, "#/username", "username"),
        ({"username": "ab"}, "#/username", "username"),
        ({"username": "a" * 33}, "#/username", "username"),
        ({"full_name": "  "}, "#/full_name", "too_short"),
        ({"full_name": "a" * 201}, "#/full_name", "too_long"),
        ({"full_name": "a\x1bb"}, "#/full_name", "control_character"),
        ({"password": "a" * 11}, "#/password", "password_length"),
        ({"password": "a" * 129}, "#/password", "password_length"),
        ({"password": "a" * 1025}, "#/password", "too_long"),
        ({"password": f"{PASSWORD}\x00"}, "#/password", "control_character"),
        ({"password": "passwordpassword"}, "#/password", "password_guessable"),
        ({"password": "ada@example.com"}, "#/password", "password_guessable"),
        ({"role": "admin"}, "#/role", "extra_forbidden"),
        ({"is_active": True}, "#/is_active", "extra_forbidden"),
    ],
)
async def test_a_value_that_breaks_a_rule_is_pointed_at(
    client: AsyncClient, change: dict[str, object], pointer: str, code: str
) -> None:
    body = {"email": "ada@example.com", "password": PASSWORD}
    problem = assert_problem(
        await client.post(REGISTER, json=body | change), 422, "validation_error"
    )
    [error] = problem["errors"]
    assert (error["in"], error["pointer"], error["code"]) == ("body", pointer, code)
    assert (await client.post(REGISTER, json=body)).status_code == 201


async def test_missing_members_are_all_named(client: AsyncClient) -> None:
    problem = assert_problem(await client.post(REGISTER, json={}), 422, "validation_error")
    pointers = {(error["pointer"], error["code"]) for error in problem["errors"]}
    assert pointers == {("#/email", "missing"), ("#/password", "missing")}


@pytest.mark.parametrize(
    "address", ["ida@xn--exmple-cua.com", "idc@example。com", "ide@\uff45xample.com"]
)
async def test_an_address_signs_in_as_it_was_typed(client: AsyncClient, address: str) -> None:
    body = {"email": address, "password": PASSWORD}
    assert (await client.post(REGISTER, json=body)).status_code == 201
    assert_problem(await client.post(REGISTER, json=body), 409, "email_taken")
    credentials = {"username": address, "password": PASSWORD}
    assert (await client.post(LOGIN, json=credentials)).status_code == 200


async def test_an_address_that_grows_when_compared_is_refused(client: AsyncClient) -> None:
    local, domain = "\u0390" * 64, f"{chr(0x390) * 30}.{chr(0x390) * 26}.com"
    for address, status in ((f"{local}@{domain}", 422), (f"{local[:8]}@{domain}", 201)):
        body = {"email": address, "password": PASSWORD}
        assert (await client.post(REGISTER, json=body)).status_code == status


async def test_of_many_faults_the_first_are_told(client: AsyncClient) -> None:
    response = await client.post(REGISTER, json={f"unknown{n}": n for n in range(10_000)})
    assert_problem(response, 422, "validation_error")
    assert len(response.json()["errors"]) == 50
