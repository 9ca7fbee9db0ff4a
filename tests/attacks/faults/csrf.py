"""Faults that let other sites act in the name of who is signed in."""

from functools import partial

from tests.attacks.faults.fault import Fault
from tests.attacks.kinds import COOKIES

CSRF = "app/api/dependencies/csrf.py"
CARRIER = "app/api/dependencies/session_store.py"
TESTS = "test_cookie_csrf.py"
FORGED = (f"{TESTS}::test_a_forged_token_is_refused",)
FOREIGN = (f"{TESTS}::test_another_site_is_refused_with_the_right_token",)
COMPARED = 'token == self.request.cookies.get(f"{self.name}-csrf") and ('

_fault = partial(Fault, kind=COOKIES)

FAULTS = (
    _fault(
        "no route asks for a CSRF token",
        "app/api/dependencies/principal.py",
        "= (params.Depends(check_csrf),)",
        "= ()",
        (f"{TESTS}::test_every_route_that_changes_something_asks_for_a_token",),
    ),
    _fault(
        "a CSRF token is not bound to its session",
        "app/core/security/csrf.py",
        'message = f"{len(nonce)}.{nonce}.{cookie}".encode()',
        'message = f"{len(nonce)}.{nonce}.{bool(cookie)}".encode()',
        FORGED,
    ),
    _fault("the CSRF header is not compared with the cookie", CARRIER, COMPARED, "(", FORGED),
    _fault(
        "the CSRF cookie is not signed",
        CARRIER,
        "bool(session) and self.tokens.fits(token, session)",
        "bool(session) and bool(token)",
        FORGED,
    ),
    _fault(
        "the origin is not looked at",
        CSRF,
        "if not _is_from_here(request, resources.settings.app.cors_origins):",
        "if request.method in SAFE_METHODS:",
        FOREIGN,
    ),
    _fault(
        "only an origin tells of another site",
        CSRF,
        'in {"same-origin", "none"}',
        '!= ""',
        FOREIGN,
    ),
    _fault(
        "a page without TLS is from here",
        CSRF,
        'same_host and here.scheme in {"https", request.url.scheme}',
        "same_host",
        FOREIGN,
    ),
    _fault(
        "an origin is from here if it begins so",
        CSRF,
        'here.netloc == request.headers.get("host")',
        'here.netloc.startswith(request.headers.get("host", "-"))',
        FOREIGN,
    ),
    _fault(
        "a sign-in needs no CSRF token",
        CSRF,
        "if request.method in SAFE_METHODS:",
        'if request.method in SAFE_METHODS or request.url.path.endswith("/login"):',
        (f"{TESTS}::test_another_site_signs_nobody_in",),
    ),
)
