"""Faults in session ids: who knows one, how long it lasts, and what Redis says of it."""

from functools import partial

from tests.attacks.faults.fault import Fault
from tests.attacks.kinds import COOKIES

CARRIER = "app/api/dependencies/session_store.py"
SERVICE = "app/services/session_store.py"
STORE = "app/repositories/session_store.py"
SESSIONS = "app/repositories/auth.py"
LOGIN = "app/api/v1/routes/auth.py"
GUARDED = ("test_cookie_attributes.py::test_every_cookie_is_guarded",)
ENDS_FIRST = "    await carrier.end(cookies.session_token)\n"
KEEPS_ID = """\
    from dataclasses import replace
    from app.core.security.opaque_tokens import digest
    kept = cookies.session_token
    stored = await carrier.store.find(digest(credentials.session_token))
    if kept and stored:
        await carrier.store.put(digest(kept), stored)
        credentials = replace(credentials, session_token=kept)
"""

_fault = partial(Fault, kind=COOKIES)

FAULTS = (
    _fault(
        "a sign-in keeps the id that came with it",
        LOGIN,
        ENDS_FIRST,
        KEEPS_ID,
        ("test_cookie_fixation.py::test_an_id_that_was_made_up_is_not_taken[x]",),
    ),
    _fault(
        "a sign-in leaves the session that it replaces",
        LOGIN,
        ENDS_FIRST,
        "",
        ("test_cookie_fixation.py::test_a_second_sign_in_ends_the_first",),
    ),
    _fault(
        "an id follows from who signs in",
        SERVICE,
        "token = new_token()",
        "token = digest(str(auth_session.user_id))",
        ("test_cookie_fixation.py::test_every_sign_in_has_an_id_of_its_own",),
    ),
    _fault(
        "an anonymous id is one that was signed in to",
        CARRIER,
        "return None if not token or token.startswith(ANONYMOUS) else token",
        "return token.removeprefix(ANONYMOUS) if token else None",
        ("test_cookie_fixation.py::test_an_anonymous_id_ends_at_the_sign_in",),
    ),
    _fault(
        "a new password leaves the id as it was",
        "app/api/v1/routes/credentials.py",
        "    cookies.sign_in(renewed)\n",
        f"{KEEPS_ID.replace('credentials', 'renewed')}    cookies.sign_in(renewed)\n",
        ("test_cookie_renewal.py::test_a_change_gives_another_id[password]",),
    ),
    _fault(
        "the old id lives on beside the renewed one",
        SERVICE,
        "if not await self.auth_sessions.revoke(principal.session_id, user_id=principal.id):",
        "if not principal:",
        ("test_cookie_renewal.py::test_a_change_gives_another_id[email]",),
    ),
    _fault(
        "a session that has ended is renewed",
        SERVICE,
        "if not await self.auth_sessions.revoke(principal.session_id, user_id=principal.id):",
        "if await self.auth_sessions.revoke(principal.session_id, user_id=principal.id) is None:",
        ("test_cookie_renewal.py::test_what_has_ended_meanwhile_is_not_renewed[password]",),
    ),
    _fault(
        "a new role ends no session",
        "app/api/dependencies/carrier.py",
        "= (end_sessions_of_new_role,)",
        "= ()",
        ("test_cookie_renewal.py::test_a_new_role_ends_every_session",),
    ),
    _fault(
        "a backup of Redis brings sessions back",
        SESSIONS,
        "AuthSession.revoked_at.is_(None),\n        AuthSession.expires_at > bindparam",
        "AuthSession.expires_at > bindparam",
        ("test_cookie_store.py::test_a_backup_brings_nobody_back[logout]",),
    ),
    _fault(
        "Redis says whose a session is",
        SESSIONS,
        '        AuthSession.user_id == bindparam("user_id"),\n',
        "",
        ("test_cookie_store.py::test_an_entry_gives_no_session_to_somebody_else",),
    ),
    _fault(
        "Redis holds ids as they are",
        SERVICE,
        "import digest, new_token\n",
        "import new_token\n\n\ndef digest(token: str) -> str:\n    return token\n\n\n",
        ("test_cookie_store.py::test_redis_holds_no_secret",),
    ),
    _fault(
        "a process remembers whose an id is",
        "app/api/dependencies/principal.py",
        "principal = await service.find_principal(cookies.session_token)",
        "principal = vars(COOKIE).get(cookies.session_token) or vars(COOKIE).setdefault("
        "cookies.session_token, await service.find_principal(cookies.session_token))",
        ("test_revocation.py::test_logout_ends_one_device",),
    ),
    _fault(
        "use doesn't start the idle time anew",
        STORE,
        "commands.getex(_key(digest), ex=self.idle_lifetime)",
        "commands.get(_key(digest))",
        ("test_cookie_lifetimes.py::test_use_starts_the_idle_time_anew",),
    ),
    _fault(
        "a renewed session starts its week anew",
        SERVICE,
        "expires_at=old.expires_at,",
        "expires_at=utc_now() + self.lifetime,",
        ("test_cookie_lifetimes.py::test_a_renewed_session_ends_when_the_old_one_would_have",),
    ),
    _fault("scripts read the id", CARRIER, "httponly=http_only,", "httponly=False,", GUARDED),
    _fault(
        "other sites send the id",
        CARRIER,
        "samesite=self.settings.session.same_site,",
        "samesite=None,",
        GUARDED,
    ),
    _fault("the id goes over any wire", CARRIER, "secure=self.secure,", "secure=False,", GUARDED),
)
