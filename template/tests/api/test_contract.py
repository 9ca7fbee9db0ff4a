"""What the OpenAPI document promises, and whether the routes keep it."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient

from app.core.exceptions import AppError
from app.core.security.tokens import AccessClaims, AccessTokens
from tests.fixtures.api import PASSWORD, Account, Api, assert_problem
from tests.fixtures.carrier import bearer, log_in
from tests.fixtures.database import Database

ROUTES = {
    "GET /health": "health_report",
    "GET /health/live": "health_live",
    "GET /health/ready": "health_ready",
    "POST /api/v1/auth/register": "auth_register",
    "POST /api/v1/auth/login": "auth_login",
    "POST /api/v1/auth/token": "auth_token",
    "POST /api/v1/auth/refresh": "auth_refresh",
    "GET /api/v1/auth/jwks.json": "auth_jwks",
    "POST /api/v1/auth/reset-password": "auth_reset_password",
    "POST /api/v1/auth/logout": "auth_logout",
    "POST /api/v1/auth/logout-all": "auth_logout_all",
    "GET /api/v1/auth/sessions": "auth_list_sessions",
    "DELETE /api/v1/auth/sessions/{session_id}": "auth_revoke_session",
    "GET /api/v1/users": "users_list_users",
    "GET /api/v1/users/me": "users_get_me",
    "PATCH /api/v1/users/me": "users_update_me",
    "DELETE /api/v1/users/me": "users_delete_me",
    "POST /api/v1/users/me/change-password": "users_change_password",
    "POST /api/v1/users/me/change-email": "users_change_email",
    "GET /api/v1/users/{user_id}": "users_get_user",
    "PATCH /api/v1/users/{user_id}": "users_update_user",
    "DELETE /api/v1/users/{user_id}": "users_delete_user",
}
PUBLIC = {
    "GET /health",
    "GET /health/live",
    "GET /health/ready",
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/token",
    "POST /api/v1/auth/refresh",
    "GET /api/v1/auth/jwks.json",
    "POST /api/v1/auth/reset-password",
}
SOME_ID = "01a1fc75-c369-7283-ba86-bd4b339b3341"


@pytest.fixture(scope="session")
def document(worker_api: Api) -> dict[str, Any]:
    return worker_api.app.openapi()


@pytest.fixture(scope="session")
def routes(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def test_the_routes_and_their_operation_ids_are_stable(routes: dict[str, dict[str, Any]]) -> None:
    found = {name: route["operationId"] for name, route in routes.items()}
    assert {name: found.get(name) for name in ROUTES} == ROUTES
    assert len(set(found.values())) == len(found)


def test_every_route_has_a_summary_a_tag_and_a_typed_answer(
    routes: dict[str, dict[str, Any]],
) -> None:
    for name, route in routes.items():
        assert route["summary"], name
        assert len(route["tags"]) == 1, name
        [success] = [status for status in route["responses"] if status.startswith("2")]
        if success != "204":
            schema = route["responses"][success]["content"]["application/json"]["schema"]
            assert "$ref" in schema, name


def test_every_error_is_documented_as_a_problem_with_its_codes(
    document: dict[str, Any], routes: dict[str, dict[str, Any]]
) -> None:
    known = {error.code: error.status for error in subclasses(AppError)}
    assert document["components"]["schemas"]["Problem"]["required"]
    assert "FieldError" in document["components"]["schemas"]
    for name, route in routes.items():
        errors = {s: r for s, r in route["responses"].items() if int(s) >= 400}
        assert name in {"GET /health", "GET /health/live"} or errors, name
        for status, response in errors.items():
            [(media_type, content)] = response["content"].items()
            reference, codes = content["schema"]["allOf"]
            assert media_type == "application/problem+json"
            assert reference == {"$ref": "#/components/schemas/Problem"}
            for code in codes["properties"]["code"]["enum"]:
                assert known[code] == int(status), (name, code)


def subclasses(kind: type[AppError]) -> set[type[AppError]]:
    return {kind, *(below for child in kind.__subclasses__() for below in subclasses(child))}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(re.findall(r"'#/components/schemas/([^']+)'", str(document)))
    assert references
    assert references <= set(document["components"]["schemas"])


def test_protected_routes_say_so_and_document_their_401(
    routes: dict[str, dict[str, Any]],
) -> None:
    assert set(routes) >= PUBLIC
    for name, route in routes.items():
        protected = name not in PUBLIC
        assert ("security" in route) == protected, name
        if protected:
            schema = route["responses"]["401"]["content"]["application/problem+json"]["schema"]
            codes = schema["allOf"][1]["properties"]["code"]["enum"]
            assert set(codes) >= {"not_authenticated", "token_expired", "token_invalid"}, name


async def test_nobody_gets_past_a_protected_route_unsigned(
    client: AsyncClient, api: Api, routes: dict[str, dict[str, Any]]
) -> None:
    outdated = AccessTokens(api.resources.settings.jwt)
    outdated.lifetime = timedelta(seconds=-1)
    expired = outdated.issue(AccessClaims(UUID(SOME_ID), UUID(SOME_ID)))
    protected = sorted(set(routes) - PUBLIC)
    assert protected
    for name in protected:
        method, path = name.split()
        path = re.sub(r"\{\w+\}", SOME_ID, path)
        for variant in (path, f"{path}/"):
            assert_problem(await client.request(method, variant), 401, "not_authenticated")
            for token, code in (("x", "token_invalid"), (expired, "token_expired")):
                response = await client.request(method, variant, headers=bearer(token))
                assert_problem(response, 401, code)


@pytest.mark.parametrize("header", [None, "", "Basic YWRhOng=", "Bearer", "bearer-x y"])
async def test_without_a_bearer_token_nobody_is_signed_in(
    client: AsyncClient, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = await client.get("/api/v1/users/me", headers=headers)
    assert response.status_code == 401
    assert response.json()["code"] in {"not_authenticated", "token_invalid"}
    assert response.headers["www-authenticate"] == "Bearer"


def test_signing_in_works_from_the_documentation_page(document: dict[str, Any]) -> None:
    [scheme] = document["components"]["securitySchemes"].values()
    assert scheme["flows"]["password"]["tokenUrl"] == "/api/v1/auth/token"
    body = document["paths"]["/api/v1/auth/token"]["post"]["requestBody"]
    assert list(body["content"]) == ["application/x-www-form-urlencoded"]


def example_of(member: dict[str, Any]) -> Any:
    """The example of a member, which may be that of what it is unless it is null."""
    [example] = member.get("examples") or member["anyOf"][0]["examples"]
    return example


async def test_the_example_of_every_body_is_understood(
    client: AsyncClient,
    admin_client: AsyncClient,
    document: dict[str, Any],
    routes: dict[str, dict[str, Any]],
) -> None:
    tried = set()
    for name, route in routes.items():
        content = route.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            reference = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
            schema = document["components"]["schemas"][reference]
            body = {key: example_of(member) for key, member in schema["properties"].items()}
            method, path = re.sub(r"\{\w+\}", SOME_ID, name).split()
            someone = client if name in PUBLIC else admin_client
            response = await someone.request(method, path, json=body)
            assert response.status_code != 422, (name, response.text)
            response = await someone.request(method, path, json=[body])
            assert_problem(response, 422, "validation_error")
            tried.add(name)
    assert tried >= {"POST /api/v1/auth/register", "PATCH /api/v1/users/{user_id}"}


ADA, ROOT = "ada@example.com", "root@example.com"
SIGNED_IN = {"not_authenticated", "token_expired", "token_invalid"}
EXPIRED = "UPDATE refresh_tokens SET expires_at = now()"
SPENT_LONG_AGO = "UPDATE refresh_tokens SET spent_at = spent_at - interval '1 hour'"
# Who asks for what with which body, and the error; a statement makes it so.
FAILURES: list[tuple[str, str, Any, str, str]] = [
    ("anyone", "POST /auth/register", {"email": ADA, "password": PASSWORD}, "", "email_taken"),
    (
        "anyone",
        "POST /auth/register",
        {"email": "new@example.com", "password": PASSWORD, "username": "ADA"},
        "",
        "username_taken",
    ),
    ("anyone", "POST /auth/login", {"username": ADA, "password": "x"}, "", "invalid_credentials"),
    ("anyone", "POST /auth/token", {"username": ADA, "password": "x"}, "", "invalid_credentials"),
    ("anyone", "POST /auth/refresh", {"refresh_token": "x"}, "", "token_invalid"),
    ("anyone", "POST /auth/refresh", {"refresh_token": "{token}"}, EXPIRED, "token_expired"),
    ("anyone", "POST /auth/refresh", {"refresh_token": "{token}"}, SPENT_LONG_AGO, "token_reused"),
    (
        "anyone",
        "POST /auth/reset-password",
        {"token": "x", "password": PASSWORD},
        "",
        "token_invalid",
    ),
    ("ada", "DELETE /auth/sessions/{nobody}", None, "", "not_found"),
    ("ada", "GET /users", None, "", "forbidden"),
    ("root", "PATCH /users/me", {"username": "ada"}, "", "username_taken"),
    ("root", "DELETE /users/me", None, "", "last_admin"),
    (
        "ada",
        "POST /users/me/change-password",
        {"current_password": "x", "new_password": f"new {PASSWORD}"},
        "",
        "wrong_password",
    ),
    ("ada", "POST /users/me/change-email", {"email": ADA, "password": "x"}, "", "wrong_password"),
    (
        "ada",
        "POST /users/me/change-email",
        {"email": ROOT, "password": PASSWORD},
        "",
        "email_taken",
    ),
    ("ada", "GET /users/{root}", None, "", "not_found"),
    ("ada", "PATCH /users/{root}", {}, "", "not_found"),
    ("ada", "PATCH /users/{ada}", {"role": "admin"}, "", "forbidden"),
    ("root", "PATCH /users/{root}", {"username": "ada"}, "", "username_taken"),
    ("root", "PATCH /users/{root}", {"role": "user"}, "", "last_admin"),
    ("ada", "DELETE /users/{root}", None, "", "not_found"),
    ("root", "DELETE /users/{root}", None, "", "last_admin"),
]


def codes_of(route: dict[str, Any]) -> set[str]:
    """The errors that a route documents."""
    contents = [answer.get("content", {}) for answer in route["responses"].values()]
    problems = [content.get("application/problem+json") for content in contents]
    found = [problem["schema"]["allOf"][1]["properties"] for problem in problems if problem]
    return {code for properties in found for code in properties["code"]["enum"]}


def test_every_documented_error_is_tried(routes: dict[str, dict[str, Any]]) -> None:
    tried: dict[str, set[str]] = {}
    for _, name, _, _, code in FAILURES:
        tried.setdefault(re.sub(r"\{\w+\}", "{}", name), set()).add(code)
    for name in (name for name in ROUTES if "/api/v1/" in name):
        general = {"validation_error", *(() if name in PUBLIC else SIGNED_IN)}
        plain = re.sub(r"\{\w+\}", "{}", name.replace("/api/v1", ""))
        assert codes_of(routes[name]) == tried.get(plain, set()) | general, name


@pytest.mark.parametrize(("who", "name", "body", "statement", "code"), FAILURES)
async def test_a_documented_error_is_answered(
    client: AsyncClient,
    user: Account,
    user_client: AsyncClient,
    admin_client: AsyncClient,
    database: Database,
    who: str,
    name: str,
    body: Any,
    statement: str,
    code: str,
) -> None:
    ids = dict(await database.fetch("SELECT email, id FROM users"))
    known = {"{ada}": ids[ADA], "{root}": ids[ROOT], "{nobody}": SOME_ID}
    method, path = re.sub(r"\{\w+\}", lambda found: str(known[found[0]]), name).split()
    if body == {"refresh_token": "{token}"}:
        body = {"refresh_token": (await log_in(client, user))["refresh_token"]}
        assert (await client.post("/api/v1/auth/refresh", json=body)).status_code == 200
    if statement:
        await database.execute(statement)
    clients = {"anyone": client, "ada": user_client, "root": admin_client}
    shape = {"data" if path == "/auth/token" else "json": body}
    response = await clients[who].request(method, f"/api/v1{path}", **shape)
    statuses = {error.code: error.status for error in subclasses(AppError)}
    assert_problem(response, statuses[code], code)
