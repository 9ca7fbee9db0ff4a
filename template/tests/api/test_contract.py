"""What the OpenAPI document promises, and whether the routes keep it."""

import re
from typing import Any

import pytest
from httpx2 import AsyncClient

from app.core.config.app import CHALLENGE
from app.core.exceptions import AppError
from tests.fixtures import carrier, registration
from tests.fixtures.api import PASSWORD, Account, Api, Routes, assert_problem, codes_of
from tests.fixtures.database import Database

ROUTES = {
    "GET /health": "health_report",
    "GET /health/live": "health_live",
    "GET /health/ready": "health_ready",
    "POST /api/v1/auth/register": "auth_register",
    "POST /api/v1/auth/login": "auth_login",
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
    "POST /api/v1/auth/reset-password",
    *carrier.PUBLIC,
    *registration.PUBLIC,
}
SOME_ID = "01a1fc75-c369-7283-ba86-bd4b339b3341"


def test_the_routes_and_their_operation_ids_are_stable(routes: Routes) -> None:
    found = {name: route["operationId"] for name, route in routes.items()}
    expected = ROUTES | carrier.ROUTES | registration.ROUTES
    assert {name: found.get(name) for name in expected} == expected
    assert len(set(found.values())) == len(found)


def test_every_route_has_a_summary_a_tag_and_a_typed_answer(
    routes: Routes,
) -> None:
    for name, route in routes.items():
        assert route["summary"], name
        assert len(route["tags"]) == 1, name
        [success] = [status for status in route["responses"] if status.startswith("2")]
        if success != "204":
            schema = route["responses"][success]["content"]["application/json"]["schema"]
            assert "$ref" in schema, name


def test_every_error_is_documented_as_a_problem_with_its_codes(
    document: dict[str, Any], routes: Routes
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
    routes: Routes,
) -> None:
    assert set(routes) >= PUBLIC
    for name, route in routes.items():
        protected = name not in PUBLIC
        assert ("security" in route) == protected, name
        if protected:
            schema = route["responses"]["401"]["content"]["application/problem+json"]["schema"]
            codes = schema["allOf"][1]["properties"]["code"]["enum"]
            assert set(codes) >= carrier.SIGNED_IN, name


async def test_nobody_gets_past_a_protected_route_unsigned(
    client: AsyncClient, api: Api, routes: Routes
) -> None:
    protected = sorted(set(routes) - PUBLIC)
    assert protected
    for name in protected:
        method, path = name.split()
        path = re.sub(r"\{\w+\}", SOME_ID, path)
        for variant in (path, f"{path}/"):
            assert_problem(await client.request(method, variant), 401, "not_authenticated")
            for headers, code in carrier.refused(api.resources):
                response = await client.request(method, variant, headers=headers)
                assert_problem(response, 401, code)
                assert response.headers["www-authenticate"] == CHALLENGE


def example_of(member: dict[str, Any]) -> Any:
    """The example of a member, which may be that of what it is unless it is null."""
    [example] = member.get("examples") or member["anyOf"][0]["examples"]
    return example


async def test_the_example_of_every_body_is_understood(
    client: AsyncClient,
    admin_client: AsyncClient,
    document: dict[str, Any],
    routes: Routes,
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
# Who asks for what with which body, and the error.
FAILURES: list[tuple[str, str, Any, str]] = [
    ("anyone", "POST /auth/login", {"username": ADA, "password": "x"}, "invalid_credentials"),
    (
        "anyone",
        "POST /auth/reset-password",
        {"token": "x", "password": PASSWORD},
        "token_invalid",
    ),
    ("ada", "DELETE /auth/sessions/{nobody}", None, "not_found"),
    ("ada", "GET /users", None, "forbidden"),
    ("root", "PATCH /users/me", {"username": "ada"}, "username_taken"),
    ("root", "DELETE /users/me", None, "last_admin"),
    (
        "ada",
        "POST /users/me/change-password",
        {"current_password": "x", "new_password": f"new {PASSWORD}"},
        "wrong_password",
    ),
    ("ada", "POST /users/me/change-email", {"email": ADA, "password": "x"}, "wrong_password"),
    ("ada", "GET /users/{root}", None, "not_found"),
    ("ada", "PATCH /users/{root}", {}, "not_found"),
    ("ada", "PATCH /users/{ada}", {"role": "admin"}, "forbidden"),
    ("root", "PATCH /users/{root}", {"username": "ada"}, "username_taken"),
    ("root", "PATCH /users/{root}", {"role": "user"}, "last_admin"),
    ("ada", "DELETE /users/{root}", None, "not_found"),
    ("root", "DELETE /users/{root}", None, "last_admin"),
    *registration.FAILURES,
]


def test_every_documented_error_is_tried(routes: Routes) -> None:
    tried: dict[str, set[str]] = {}
    for _, name, _, code in FAILURES:
        tried.setdefault(re.sub(r"\{\w+\}", "{}", name), set()).add(code)
    for name in (name for name in ROUTES | registration.ROUTES if "/api/v1/" in name):
        general = {"validation_error", *(() if name in PUBLIC else carrier.SIGNED_IN)}
        general |= set() if name.startswith("GET ") else carrier.UNSAFE
        plain = re.sub(r"\{\w+\}", "{}", name.replace("/api/v1", ""))
        assert codes_of(routes[name]) == tried.get(plain, set()) | general, name


@pytest.mark.parametrize(("who", "name", "body", "code"), FAILURES)
async def test_a_documented_error_is_answered(
    client: AsyncClient,
    user: Account,
    user_client: AsyncClient,
    admin_client: AsyncClient,
    database: Database,
    begun: dict[str, str],
    who: str,
    name: str,
    body: Any,
    code: str,
) -> None:
    ids = dict(await database.fetch("SELECT email, id FROM users"))
    known = {"{ada}": ids[ADA], "{root}": ids[ROOT], "{nobody}": SOME_ID}
    method, path = re.sub(r"\{\w+\}", lambda found: str(known[found[0]]), name).split()
    body = body and {member: begun.get(value, value) for member, value in body.items()}
    clients = {"anyone": client, "ada": user_client, "root": admin_client}
    response = await clients[who].request(method, f"/api/v1{path}", json=body)
    statuses = {error.code: error.status for error in subclasses(AppError)}
    assert_problem(response, statuses[code], code)
