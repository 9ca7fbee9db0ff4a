"""What the OpenAPI document promises, and whether the routes keep it."""

import re
from typing import Any

import pytest
from httpx2 import AsyncClient

from app.core.exceptions import AppError
from tests.fixtures.api import Api, assert_problem

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
    client: AsyncClient, routes: dict[str, dict[str, Any]]
) -> None:
    protected = sorted(set(routes) - PUBLIC)
    assert protected
    for name in protected:
        method, path = name.split()
        path = re.sub(r"\{\w+\}", SOME_ID, path)
        for variant in (path, f"{path}/"):
            assert_problem(await client.request(method, variant), 401, "not_authenticated")
            stranger = {"Authorization": "Bearer x"}
            response = await client.request(method, variant, headers=stranger)
            assert_problem(response, 401, "token_invalid")


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
