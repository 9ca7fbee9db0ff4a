import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import pytest
from fastapi import Depends, FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies.auth import CurrentUser
from app.api.dependencies.idempotency import idempotent
from app.api.dependencies.resources import DbSession
from app.core.exceptions import Conflict
from app.schemas.base import Schema, View
from app.services.use_case import use_case
from tests.fixtures import carrier
from tests.fixtures.api import Account, Api, assert_problem
from tests.fixtures.database import Database
from tests.fixtures.kept_answers import running_twice, signed_in_at

ORDERS = "/orders"
REPEATED = f"/{'long' * 50}/orders"
# Each order leaves its title in the name of who has made it.
ORDERED = "SELECT full_name FROM users WHERE full_name IS NOT NULL ORDER BY email"


class OrderCreate(Schema):
    title: str
    notes: str = ""


class OrderView(View):
    title: str
    number: int


class PricedOrder(OrderView):
    """More than the route says that it shows."""

    cost: int = 1


class OrderService:
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    @use_case
    async def make(self, title: str, *, owner_id: UUID) -> OrderView:
        """Raise `Conflict` for what is sold out, when all else is done."""
        statement = "UPDATE users SET full_name = coalesce(full_name, '') || :title WHERE id = :id"
        written = text(f"{statement} RETURNING length(full_name)")
        number = await self.session.scalar(written, {"title": title, "id": owner_id})
        if title == "!":
            raise Conflict
        return PricedOrder(title=title, number=number or 0)


async def _get_order_service(session: DbSession) -> OrderService:
    return OrderService(session)


async def make_order(
    request: OrderCreate,
    principal: CurrentUser,
    orders: Annotated[OrderService, Depends(_get_order_service)],
) -> OrderView:
    return await orders.make(request.title, owner_id=principal.id)


async def repeat_order(
    title: str,
    principal: CurrentUser,
    orders: Annotated[OrderService, Depends(_get_order_service)],
    *,
    twice: bool = False,
) -> OrderView:
    return await orders.make(title * (1 + twice), owner_id=principal.id)


def add_orders(app: FastAPI) -> None:
    for path in (ORDERS, "/other"):
        app.post(path, status_code=201)(idempotent(make_order))
    app.post(f"{REPEATED}/{{title}}")(idempotent(repeat_order))


@pytest.fixture
async def apis(environment: dict[str, str], api: Api) -> AsyncIterator[list[Api]]:
    """Two applications that take orders."""
    assert api
    async with running_twice(environment, add_orders) as apis:
        yield apis


@pytest.fixture
async def clients(apis: list[Api], user: Account) -> AsyncIterator[list[AsyncClient]]:
    async with signed_in_at(apis, user) as clients:
        yield clients


async def order(
    client: AsyncClient, title: str, key: str | None = None, *, path: str = ORDERS, notes: str = ""
) -> Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post(path, json={"title": title, "notes": notes}, headers=headers)


def is_replayed(response: Response) -> bool:
    return response.headers.get("idempotency-replayed") == "true"


async def test_a_request_that_comes_again_is_answered_as_the_first_time(
    clients: list[AsyncClient], database: Database
) -> None:
    here, there = clients
    first = await order(here, "a", "key-1")
    assert (first.status_code, first.json()) == (201, {"title": "a", "number": 1})
    assert not is_replayed(first)
    assert (await order(here, "a", path="/other")).json().keys() == first.json().keys()
    assert (await order(here, "b")).json()["number"] == 3
    for client in (here, there):
        again = await order(client, "a", "key-1")
        assert (again.status_code, again.content) == (201, first.content)
        assert is_replayed(again)
        # The same bytes are the same body.
        turned = '{"notes": "", "title": "a"}'
        headers = {"Idempotency-Key": "key-1", "Content-Type": "application/json"}
        other = await client.post(ORDERS, content=turned, headers=headers)
        assert_problem(other, 422, "idempotency_key_reused")
    assert await database.fetch(ORDERED) == [("aab",)]


async def test_without_a_key_each_request_takes_effect(
    clients: list[AsyncClient], database: Database
) -> None:
    for number in (1, 2):
        assert (await order(clients[0], "a")).json()["number"] == number
    assert (await order(clients[0], "a", "key-1")).json()["number"] == 3
    assert (await order(clients[0], "a", "key-2")).json()["number"] == 4
    assert (await order(clients[0], "a", "key-2", path="/other")).json()["number"] == 5
    assert await database.count("idempotency_keys") == 3


async def test_a_key_is_good_for_one_body(clients: list[AsyncClient], database: Database) -> None:
    assert (await order(clients[0], "a", "key-1")).status_code == 201
    for title, notes in (("b", ""), ("a", "soon")):
        reused = await order(clients[1], title, "key-1", notes=notes)
        assert_problem(reused, 422, "idempotency_key_reused")
    assert await database.fetch(ORDERED) == [("a",)]


async def test_a_request_without_a_body_has_its_path_and_its_query(
    clients: list[AsyncClient], database: Database
) -> None:
    headers = {"Idempotency-Key": "key-1"}
    first = await clients[0].post(f"{REPEATED}/a", headers=headers)
    assert (first.status_code, first.json()) == (200, {"title": "a", "number": 1})
    again = await clients[1].post(f"{REPEATED}/a", headers=headers)
    assert (again.content, is_replayed(again)) == (first.content, True)
    reused = await clients[1].post(f"{REPEATED}/a?twice=true", headers=headers)
    assert_problem(reused, 422, "idempotency_key_reused")
    for title in ("b", "c"):
        other = await clients[0].post(f"{REPEATED}/{title}", headers=headers)
        assert (other.status_code, is_replayed(other)) == (200, False)
    assert await database.fetch(ORDERED) == [("abc",)]


async def test_a_key_is_its_users_own(
    apis: list[Api], clients: list[AsyncClient], admin: Account, database: Database
) -> None:
    assert (await order(clients[0], "a", "key-1")).status_code == 201
    async with apis[0].client() as other:
        await carrier.sign_in(other, **admin.credentials)
        made = await order(other, "b", "key-1")
        assert (made.status_code, is_replayed(made)) == (201, False)
    assert await database.fetch(ORDERED) == [("a",), ("b",)]


async def test_of_many_at_once_one_takes_effect(
    clients: list[AsyncClient], database: Database
) -> None:
    answers = await asyncio.gather(
        *(order(clients[number % 2], "a", "key-1") for number in range(20))
    )
    for answer in answers:
        if answer.status_code != 201:
            assert_problem(answer, 409, "request_in_progress")
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert [answer.status_code == 201 and not is_replayed(answer) for answer in answers].count(
        True
    ) == 1
    assert await database.fetch(ORDERED) == [("a",)]


async def test_what_fails_leaves_its_key_free(
    clients: list[AsyncClient], database: Database
) -> None:
    for _ in range(2):
        assert_problem(await order(clients[0], "!", "key-1"), 409, "conflict")
    assert await database.fetch(ORDERED) == []
    assert (await order(clients[0], "a", "key-1")).json()["number"] == 1
    assert await database.fetch(ORDERED) == [("a",)]


async def test_a_key_expires(clients: list[AsyncClient], database: Database) -> None:
    for key in ("key-1", "key-2"):
        assert (await order(clients[0], "a", key)).status_code == 201
    await database.execute("UPDATE idempotency_keys SET expires_at = now()")
    for replayed in (False, True):
        assert is_replayed(await order(clients[0], "b", "key-1")) == replayed
    assert await database.fetch(ORDERED) == [("aab",)]
    assert await database.count("idempotency_keys") == 1


async def test_no_key_is_stored_as_it_is(clients: list[AsyncClient], database: Database) -> None:
    assert (await order(clients[0], "a", "key-1")).status_code == 201
    [(key, body)] = await database.fetch("SELECT key_hash, content_hash FROM idempotency_keys")
    assert len(key) == len(body) == 64


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "ключ".encode().decode("latin-1")])
async def test_a_key_that_is_none_is_refused(clients: list[AsyncClient], key: str) -> None:
    headers = {b"Idempotency-Key": key.encode("latin-1")}
    refused = await clients[0].post(ORDERS, json={"title": "a"}, headers=headers)
    assert_problem(refused, 422, "validation_error")


async def test_nobody_has_a_key_without_signing_in(api: Api, apis: list[Api]) -> None:
    assert api
    async with apis[0].client() as stranger:
        assert_problem(await order(stranger, "a", "key-1"), 401, "not_authenticated")
