import asyncio
from typing import Any

import pytest
from dirty_equals import IsDatetime, IsPartialDict, IsStr
from httpx2 import AsyncClient

from tests.fixtures.api import Account, Api, SignIn, assert_problem, open_account
from tests.fixtures.database import Database

ITEMS = "/api/v1/items"
SOME_ID = "01a1fc75-c369-7283-ba86-bd4b339b3341"


@pytest.fixture
async def other_client(api: Api, sign_in: SignIn) -> AsyncClient:
    account = Account("grace@example.com")
    await open_account(api, account)
    return await sign_in(account)


async def create(client: AsyncClient, *titles: str) -> list[dict[str, Any]]:
    responses = [await client.post(ITEMS, json={"title": title}) for title in titles]
    assert [response.status_code for response in responses] == [201] * len(titles)
    return [response.json() for response in responses]


async def titles(client: AsyncClient, path: str = "", **params: str | int) -> list[str]:
    response = await client.get(ITEMS + path, params=params)
    assert response.status_code == 200, response.text
    return [item["title"] for item in response.json()["items"]]


async def test_what_was_created_is_shown(user_client: AsyncClient) -> None:
    body = {"title": "  Engine ", "description": "Line one\nline two\t"}
    response = await user_client.post(ITEMS, json=body)

    assert response.status_code == 201
    item = response.json()
    assert item == {
        "id": IsStr(regex=r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}"),
        "owner_id": (await user_client.get("/api/v1/users/me")).json()["id"],
        "title": "Engine",
        "description": body["description"],
        "created_at": IsDatetime(iso_string=True),
        "updated_at": IsDatetime(iso_string=True),
    }
    shown = await user_client.get(f"{ITEMS}/{item['id']}")
    assert (shown.status_code, shown.json()) == (200, item)
    assert (await user_client.get(f"{ITEMS}/{item['id']}/")).json() == item


async def test_everyone_who_is_signed_in_reads(
    user_client: AsyncClient, other_client: AsyncClient
) -> None:
    [item] = await create(user_client, "mine")
    assert (await other_client.get(f"{ITEMS}/{item['id']}")).json() == item
    assert await titles(other_client) == ["mine"]
    assert await titles(other_client, "/my") == []
    assert await titles(user_client, "/my") == ["mine"]


async def test_only_the_owner_and_admins_write(
    user_client: AsyncClient, other_client: AsyncClient, admin_client: AsyncClient
) -> None:
    [item] = await create(user_client, "mine")
    path = f"{ITEMS}/{item['id']}"
    assert_problem(await other_client.patch(path, json={"title": "theirs"}), 403, "forbidden")
    assert_problem(await other_client.delete(path), 403, "forbidden")
    assert (await user_client.get(path)).json() == item
    assert (await user_client.patch(path, json={"title": "changed"})).status_code == 200
    assert (await admin_client.patch(path, json={"title": "mended"})).status_code == 200
    assert (await admin_client.delete(path)).status_code == 204
    assert_problem(await user_client.get(path), 404, "not_found")


async def test_only_what_is_named_changes(user_client: AsyncClient) -> None:
    [item] = await create(user_client, "mine")
    path = f"{ITEMS}/{item['id']}"
    described = (await user_client.patch(path, json={"description": "new"})).json()
    assert described == item | {"description": "new", "updated_at": described["updated_at"]}
    assert described["updated_at"] > item["updated_at"]
    removed = (await user_client.patch(path, json={"description": None})).json()
    assert removed["description"] is None
    assert removed["title"] == "mine"
    refused: list[dict[str, str | None]] = [{"title": None}, {"title": ""}, {"title": "\x00"}]
    for hostile in (*refused, {"owner_id": SOME_ID}):
        assert_problem(await user_client.patch(path, json=hostile), 422, "validation_error")


async def test_a_deleted_item_is_gone(user_client: AsyncClient) -> None:
    kept, item = await create(user_client, "kept", "gone")
    path = f"{ITEMS}/{item['id']}"
    response = await user_client.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    for method in ("GET", "DELETE"):
        assert_problem(await user_client.request(method, path), 404, "not_found")
    assert_problem(await user_client.patch(path, json={"title": "x"}), 404, "not_found")
    assert await titles(user_client) == [kept["title"]]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_an_item_that_is_deleted_in_the_meantime_is_not_found(
    user_client: AsyncClient, api: Api, database: Database, method: str
) -> None:
    [item] = await create(user_client, "mine")
    waiting = (
        "SELECT pg_sleep(0.01) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with api.resources.engine.connect() as connection, asyncio.timeout(20):
        await connection.execution_options(isolation_level="READ COMMITTED")
        await connection.exec_driver_sql("DELETE FROM items")
        body = {"title": "changed"} if method == "PATCH" else None
        request = user_client.request(method, f"{ITEMS}/{item['id']}", json=body)
        response = asyncio.create_task(request)
        while not await database.fetch(waiting):
            assert not response.done()
        await connection.commit()
        assert_problem(await response, 404, "not_found")


@pytest.mark.parametrize("item_id", ["1", "x", "\x00", "a" * 5000, f"{SOME_ID}x", "%ff", "null"])
async def test_an_id_of_another_shape_is_refused(user_client: AsyncClient, item_id: str) -> None:
    path = f"{ITEMS}/{item_id}".replace("\x00", "%00")
    response = await user_client.get(path)
    assert response.status_code == 422
    assert response.json()["request_id"] == response.headers["x-request-id"]
    [error] = response.json()["errors"]
    assert (error["in"], error["pointer"]) == ("path", "#/item_id")
    assert_problem(await user_client.get(f"{ITEMS}/{SOME_ID}"), 404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": ""},
        {"title": "   "},
        {"title": "x" * 201},
        {"title": "a\x00b"},
        {"title": "a\nb"},
        {"title": "x", "description": "a\x00b"},
        {"title": "x", "description": "x" * 10_001},
        {"title": "x", "owner_id": SOME_ID},
        {"title": 1},
    ],
    ids=lambda body: str(body)[:40],
)
async def test_a_body_that_breaks_a_rule_creates_nothing(
    user_client: AsyncClient, body: dict[str, object]
) -> None:
    assert_problem(await user_client.post(ITEMS, json=body), 422, "validation_error")
    assert await titles(user_client) == []
    longest = {"title": "x" * 200, "description": "x" * 10_000}
    assert (await user_client.post(ITEMS, json=longest)).status_code == 201


async def test_pages_sorting_and_filters(
    user_client: AsyncClient, other_client: AsyncClient
) -> None:
    await create(user_client, "b", "a")
    [theirs] = await create(other_client, "c")
    assert await titles(user_client) == ["c", "a", "b"]
    assert await titles(user_client, sort="title") == ["a", "b", "c"]
    assert await titles(user_client, sort="-title,created_at") == ["c", "b", "a"]
    assert await titles(user_client, sort="title", page=2, page_size=2) == ["c"]
    assert await titles(user_client, title="a") == ["a"]
    assert await titles(user_client, owner_id=theirs["owner_id"]) == ["c"]
    assert await titles(user_client, "/my", owner_id=theirs["owner_id"], sort="title") == ["a", "b"]
    past = (await user_client.get(ITEMS, params={"page": 9, "page_size": 2})).json()
    assert past == {"items": [], "total": 3, "page": 9, "page_size": 2, "pages": 2}


@pytest.mark.parametrize(
    ("q", "expected"),
    [("engine", ["Engine", "about"]), ("ENG", ["Engine", "about"]), ("%", ["100%"]), ("_", [])],
)
async def test_search_takes_the_words_as_they_stand(
    user_client: AsyncClient, q: str, expected: list[str]
) -> None:
    await create(user_client, "Engine", "100%", "else")
    body = {"title": "about", "description": "an engine"}
    assert (await user_client.post(ITEMS, json=body)).status_code == 201
    assert sorted(await titles(user_client, "/search", q=q)) == sorted(expected)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("", {"sort": "owner_id"}),
        ("", {"unknown": "x"}),
        ("", {"owner_id": "x"}),
        ("", {"title": "\x00"}),
        ("", {"page": 10**30}),
        ("/my", {"page_size": 1000}),
        ("/search", {}),
        ("/search", {"q": ""}),
        ("/search", {"q": "\x00"}),
        ("/search", {"q": "x" * 201}),
        ("/search", {"q": "x", "sort": "title"}),
    ],
)
async def test_a_query_that_is_not_understood_is_refused(
    user_client: AsyncClient, path: str, params: dict[str, str]
) -> None:
    response = await user_client.get(ITEMS + path, params=params)
    assert_problem(response, 422, "validation_error")


async def test_each_request_costs_no_more_statements_than_it_needs(
    user_client: AsyncClient, statements: list[str]
) -> None:
    def verbs() -> list[str]:
        seen = [statement.split()[0] for statement in statements]
        statements.clear()
        return seen

    verbs()
    identity = ["SELECT"]
    [item] = await create(user_client, "mine")
    assert verbs() == [*identity, "INSERT", "COMMIT"]
    for path in ("", "/my", "/search?q=m", f"/{item['id']}", "?page=9"):
        assert (await user_client.get(ITEMS + path)).status_code == 200
        assert verbs() == [*identity, "SELECT"]
    await user_client.patch(f"{ITEMS}/{item['id']}", json={"title": "other"})
    assert verbs() == [*identity, "SELECT", "UPDATE", "COMMIT"]
    await user_client.delete(f"{ITEMS}/{item['id']}")
    assert verbs() == [*identity, "SELECT", "DELETE", "COMMIT"]


async def test_items_go_with_their_owner(user_client: AsyncClient, database: Database) -> None:
    await create(user_client, "mine")
    assert await database.count("items") == 1
    await database.execute("DELETE FROM users")
    assert await database.count("items") == 0


async def test_the_list_has_the_shape_of_all_lists(user_client: AsyncClient) -> None:
    await create(user_client, "mine")
    for path in ("", "/", "/my", "/search?q=mine"):
        page = (await user_client.get(ITEMS + path)).json()
        assert page == IsPartialDict(total=1, page=1, page_size=20, pages=1)
