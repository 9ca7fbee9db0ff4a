"""What the OpenAPI document promises, and whether the routes keep it."""

import re
from typing import Any

import pytest
from httpx2 import AsyncClient

from app.core.config.app import CHALLENGE
from app.core.exceptions import AppError
from tests.fixtures import carrier
from tests.fixtures.api import Api, Routes, assert_problem, codes_of
from tests.fixtures.causes import Cast
from tests.fixtures.contract import (
    ADA,
    FAILURES,
    GENERAL,
    PATHS,
    PUBLIC,
    ROOT,
    ROUTES,
    SIGN_INS,
    Body,
)

SOME_ID = "01a1fc75-c369-7283-ba86-bd4b339b3341"


def test_the_routes_and_their_operation_ids_are_stable(routes: Routes) -> None:
    found = {name: route["operationId"] for name, route in routes.items()}
    expected = ROUTES | carrier.ROUTES
    assert {name: found.get(name) for name in expected} == expected
    assert len(set(found.values())) == len(found)


def test_every_route_has_a_summary_a_tag_and_a_typed_answer(
    routes: Routes,
) -> None:
    for name, route in routes.items():
        assert route["summary"], name
        assert len(route["tags"]) == 1, name
        [success] = [status for status in route["responses"] if status < "400"]
        if success not in {"204", "302"}:
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
        assert "/api/v1/" not in name or codes_of(route) >= GENERAL, name
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


async def test_every_way_to_sign_in_leads_in(cast: Cast) -> None:
    for path, proof in SIGN_INS.items():
        response = await cast.stranger.post(f"/api/v1{path}", json=await proof(cast))
        assert carrier.given(response)["device_token"], path


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
            places = re.sub(r"\{\w+\}", lambda found: PATHS.get(found[0], SOME_ID), name)
            method, path = places.split()
            someone = client if name in PUBLIC else admin_client
            response = await someone.request(method, path, json=body)
            assert response.status_code != 422, (name, response.text)
            response = await someone.request(method, path, json=[body])
            assert_problem(response, 422, "validation_error")
            tried.add(name)
    assert tried >= {"POST /api/v1/auth/register", "PATCH /api/v1/users/{user_id}"}


def test_every_documented_error_is_tried(routes: Routes) -> None:
    tried: dict[str, set[str]] = {}
    for _, name, _, code in FAILURES:
        tried.setdefault(re.sub(r"\{\w+\}", "{}", name), set()).add(code)
    for name in (name for name in ROUTES if "/api/v1/" in name):
        general = GENERAL | (set() if name in PUBLIC else carrier.SIGNED_IN)
        general |= set() if name.startswith("GET ") else carrier.UNSAFE
        plain = re.sub(r"\{\w+\}", "{}", name.replace("/api/v1", ""))
        assert codes_of(routes[name]) == tried.get(plain, set()) | general, name


@pytest.mark.parametrize(("who", "name", "body", "code"), FAILURES)
async def test_a_documented_error_is_answered(
    cast: Cast, begun: dict[str, str], who: str, name: str, body: Body, code: str
) -> None:
    ids = dict(await cast.database.fetch("SELECT email, id FROM users"))
    known = {"{ada}": ids[ADA], "{root}": ids[ROOT], "{nobody}": SOME_ID, **PATHS}
    method, path = re.sub(r"\{\w+\}", lambda found: str(known[found[0]]), name).split()
    sent = await body(cast) if callable(body) else body
    sent = sent and {member: begun.get(value, value) for member, value in sent.items()}
    client = {"anyone": cast.stranger, "ada": cast.ada, "root": cast.root}[who]
    options: dict[str, Any] = {"params" if method == "GET" else "json": sent}
    response = await client.request(method, f"/api/v1{path}", **options)
    statuses = {error.code: error.status for error in subclasses(AppError)}
    assert_problem(response, statuses[code], code)
