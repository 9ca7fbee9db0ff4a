"""Sign-in at a provider in a real browser, from the button to a signed-in call."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.matrix.browsers import browsing
from tests.matrix.environment import Environment
from tests.matrix.identity_provider import PERSON, SUBJECT, identity_provider
from tests.matrix.renders import Renders
from tests.matrix.servers import development_server, free_ports

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("browser")]

# A front end on another port than the API, as docs/OAUTH.md of a project describes it.
PAGE = """<!doctype html><title>Front end</title><body><output></output><script>
const api = "{api}/api/v1", headers = {{"Content-Type": "application/json"}};
const send = (path, options) => fetch(api + path, {{credentials: "include", ...options}});
async function signIn() {{
    const answered = new URLSearchParams(location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
    if (answered.has("error")) return `Refused: ${{answered.get("error")}}`;
    const token = await send("/auth/csrf");
    if (token.ok) headers["X-CSRF-Token"] = (await token.json()).csrf_token;
    const body = JSON.stringify({{code: answered.get("code")}});
    const signedIn = await send("/oauth/exchange", {{method: "POST", headers, body}});
    const {{access_token}} = await signedIn.json();
    if (access_token) headers.Authorization = `Bearer ${{access_token}}`;
    const me = await (await send("/users/me", {{headers}})).json();
    return `${{me.email}} goes on to ${{answered.get("next")}}`;
}}
if (location.hash)
    signIn().catch(String).then((text) => document.querySelector("output").append(text));
</script></body>"""


@contextmanager
def front_end(api: str) -> Iterator[str]:
    """Serve the page for every path; give its origin."""
    page = PAGE.format(api=api).encode()

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("auth", ["jwt", "session"])
def test_a_person_signs_in_with_google(
    auth: str, renders: Renders, environment: Environment, tmp_path: Path
) -> None:
    answers = {"preset": "minimal", "auth": auth, "oauth_providers": ["google"]}
    project = tmp_path / "project"
    shutil.copytree(renders.get(answers).path, project)
    [port] = free_ports(1)
    api = f"http://localhost:{port}"
    with identity_provider(environment, tmp_path) as issuer, front_end(api) as site:
        variables = {
            "APP_CORS_ALLOW_CREDENTIALS": "true",
            "APP_CORS_ORIGINS": site,
            "APP_FRONTEND_URL": site,
            "OAUTH_GOOGLE_CLIENT_ID": "my-api",
            "OAUTH_GOOGLE_CLIENT_SECRET": "hunter2",
            "OAUTH_GOOGLE_ISSUER": issuer,
            "OAUTH_REDIRECT_BASE_URL": api,
        }
        with (
            development_server(project, environment, variables, port),
            browsing(tmp_path / "profile") as context,
        ):
            page = context.new_page()
            page.goto(f"{api}/api/v1/oauth/google/initiate?next=/account")
            assert page.url.startswith(issuer)
            page.fill("input[name=sub]", SUBJECT)
            page.press("input[name=sub]", "Enter")
            shown = page.locator("output", has_text="goes on to")
            shown.wait_for()
            assert shown.text_content() == f"{PERSON['email']} goes on to /account"
            assert page.url == f"{site}/oauth/callback"

            page.goto(f"{api}/api/v1/oauth/google/callback?state=made-up&code=made-up")
            refused = page.locator("output", has_text="Refused")
            refused.wait_for()
            assert refused.text_content() == "Refused: oauth_state_invalid"
