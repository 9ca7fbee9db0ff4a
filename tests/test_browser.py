"""A front end in a real browser: what it may do, what other sites can't, and Swagger UI."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route

from tests.attacks.deployment import Deployment, deployed
from tests.attacks.grounds import Grounds
from tests.attacks.kinds import COOKIES
from tests.attacks.people import new_password
from tests.matrix.browsers import browsing

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("browser")]

API = "/api/v1"
# What a front end does: its cookies go by themselves, and it copies one into a header.
REQUEST = """async ([method, path, body]) => {
    const headers = {"Content-Type": "application/json"};
    const token = document.cookie.match(/-csrf=([^;]+)/);
    if (token) headers["X-CSRF-Token"] = token[1];
    const sent = body === null ? undefined : JSON.stringify(body);
    const answer = await fetch(path, {method, headers, body: sent});
    return [answer.status, await answer.text()];
}"""
FOREIGN_FETCH = """async ([url, mode, method, type, body]) => {
    const headers = {"Content-Type": type};
    try {
        const answer = await fetch(url, {method, mode, headers, body, credentials: "include"});
        return answer.type === "opaque" ? "opaque" : String(answer.status);
    } catch (error) {
        return error.name;
    }
}"""
FOREIGN_FORM = """([action, enctype, fields]) => {
    const form = Object.assign(document.createElement("form"), {method: "post", action, enctype});
    for (const [name, value] of Object.entries(fields))
        form.append(Object.assign(document.createElement("input"), {name, value}));
    document.body.append(form);
    form.submit();
}"""


@dataclass(frozen=True)
class FrontEnd:
    """A page of the API's own origin, and who uses it."""

    origin: str
    page: Page
    context: BrowserContext
    email: str
    password: str = field(repr=False)

    def send(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        status, text = self.page.evaluate(REQUEST, [method, f"{API}{path}", body])
        return status, json.loads(text) if text else None

    def register(self) -> None:
        assert self.send("GET", "/auth/csrf")[0] == 200
        body = {"email": self.email, "password": self.password}
        assert self.send("POST", "/auth/register", body)[0] == 201

    def sign_in(self) -> None:
        body = {"username": self.email, "password": self.password}
        status, answer = self.send("POST", "/auth/login", body)
        assert (status, answer["user"]["email"]) == (200, self.email)

    def titles(self) -> list[str]:
        status, answer = self.send("GET", "/items/my")
        assert status == 200
        return sorted(item["title"] for item in answer["items"])


@pytest.fixture(scope="module")
def deployment(grounds: Grounds, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("browsed")
    with deployed(grounds.target(COOKIES, folder / "project"), folder) as deployment:
        yield deployment


@pytest.fixture
def context(tmp_path: Path) -> Iterator[BrowserContext]:
    with browsing(tmp_path / "profile") as context:
        context.route("https://cdn.jsdelivr.net/**", _serve_package)
        yield context


def _serve_package(route: Route) -> None:
    """Answer for the network that Swagger UI comes from, with the files of a Python package."""
    spec = find_spec("swagger_ui")
    assert spec is not None
    assert spec.origin is not None
    route.fulfill(path=Path(spec.origin).parent / "static" / route.request.url.rsplit("/")[-1])


@pytest.fixture
def front_end(deployment: Deployment, context: BrowserContext) -> FrontEnd:
    origin = str(deployment.here.base_url).replace("127.0.0.1", "localhost").rstrip("/")
    page = context.new_page()
    # The one page that the API has, whose policy lets scripts ask its own origin.
    answer = page.goto(f"{origin}/docs", wait_until="networkidle")
    assert answer is not None
    assert answer.status == 200
    # Swagger UI asks for a token before it reads the document, and for none after that.
    page.wait_for_selector(".opblock")
    context.clear_cookies()
    return FrontEnd(origin, page, context, f"{new_password()}@example.com", new_password())


@contextmanager
def another_site(files: tuple[str, str] | None = None) -> Iterator[str]:
    """Serve an empty page to everybody, by TLS if there are files for it; give its origin."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Another site</title><body></body>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        origin = f"http://127.0.0.1:{server.server_port}"
        if files:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*files)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            origin = f"https://localhost:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield origin
        finally:
            server.shutdown()
            thread.join()


def test_a_front_end_signs_in_writes_and_signs_out(front_end: FrontEnd) -> None:
    body = {"title": "Engine"}
    assert front_end.send("POST", "/auth/register", {})[1]["code"] == "csrf_failed"
    front_end.register()
    assert front_end.send("GET", "/users/me")[1]["code"] == "not_authenticated"
    front_end.sign_in()
    assert front_end.send("GET", "/users/me")[1]["email"] == front_end.email
    assert front_end.send("POST", "/items", body)[0] == 201
    assert front_end.titles() == ["Engine"]
    readable = front_end.page.evaluate("document.cookie")
    kept = {cookie["name"]: cookie["value"] for cookie in front_end.context.cookies()}
    names = ("__Host-my-api", "__Host-my-api-csrf", "__Host-my-api-device")
    assert sorted(kept) == sorted(names)
    assert [name for name in names if kept[name] in readable] == ["__Host-my-api-csrf"]
    assert front_end.send("POST", "/auth/logout")[0] == 204
    assert [cookie["name"] for cookie in front_end.context.cookies()] == [names[2]]
    assert front_end.send("GET", "/users/me")[1]["code"] == "not_authenticated"
    assert front_end.send("POST", "/items", body)[1]["code"] == "csrf_failed"


def test_a_new_password_keeps_the_browser_signed_in(front_end: FrontEnd) -> None:
    front_end.register()
    front_end.sign_in()
    before = {cookie["name"]: cookie["value"] for cookie in front_end.context.cookies()}
    body = {"current_password": front_end.password, "new_password": new_password()}
    assert front_end.send("POST", "/users/me/change-password", body)[0] == 204
    after = {cookie["name"]: cookie["value"] for cookie in front_end.context.cookies()}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"__Host-my-api", "__Host-my-api-csrf"}
    assert front_end.send("POST", "/items", {"title": "Engine"})[0] == 201


@pytest.mark.parametrize("same_site", [False, True], ids=["another-site", "another-port"])
def test_another_origin_changes_nothing(
    same_site: bool, front_end: FrontEnd, deployment: Deployment
) -> None:
    """To another port of the same host browsers send the cookies, whatever SameSite says."""
    front_end.register()
    front_end.sign_in()
    assert front_end.send("POST", "/items", {"title": "Engine"})[0] == 201
    variables = deployment.variables
    files = (variables["TLS_CERTIFICATE"], variables["TLS_KEY"]) if same_site else None
    page = front_end.context.new_page()
    items, out = f"{front_end.origin}{API}/items", f"{front_end.origin}{API}/auth/logout"
    with another_site(files) as origin:
        for enctype, fields in {
            "text/plain": {'{"title": "Forged", "x": "': '"}'},
            "application/x-www-form-urlencoded": {"title": "Forged"},
            "multipart/form-data": {"title": "Forged"},
        }.items():
            for action in (items, out):
                page.goto(origin)
                with page.expect_navigation() as navigation:
                    page.evaluate(FOREIGN_FORM, [action, enctype, fields])
                assert navigation.value.status == 403
                cookies = navigation.value.request.header_value("cookie") or ""
                assert ("__Host-my-api=" in cookies) == same_site
        page.goto(origin)
        forged = json.dumps({"title": "Forged"})
        for method, mode, kind, expected in (
            ("POST", "no-cors", "text/plain", "opaque"),
            ("POST", "cors", "text/plain", "TypeError"),
            ("POST", "cors", "application/json", "TypeError"),
            ("DELETE", "cors", "application/json", "TypeError"),
        ):
            for url in (items, out, f"{front_end.origin}{API}/users/me"):
                told = page.evaluate(FOREIGN_FETCH, [url, mode, method, kind, forged])
                assert told == expected, (method, mode, kind, url)
    assert front_end.titles() == ["Engine"]
    assert front_end.send("POST", "/items", {"title": "Genuine"})[0] == 201


def test_swagger_ui_sends_a_token(front_end: FrontEnd) -> None:
    front_end.register()
    front_end.sign_in()
    page = front_end.page
    operation = page.locator("#operations-items-items_create_item")
    operation.locator(".opblock-summary-control").click()
    operation.locator(".try-out__btn").click()
    operation.locator("textarea.body-param__text").fill(json.dumps({"title": "Engine"}))
    with page.expect_response(f"**{API}/items") as answered:
        operation.locator(".execute").click()
    assert answered.value.request.headers["x-csrf-token"]
    assert answered.value.status == 201
    operation.locator(".live-responses-table .response-col_status", has_text="201").wait_for()
    assert front_end.titles() == ["Engine"]
